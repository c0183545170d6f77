// Package protos pins the modules whose .proto files the CSI driver's stubs are compiled from.
package protos

import (
	_ "github.com/container-storage-interface/spec/lib/go/csi"
	_ "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)
