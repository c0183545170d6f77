#!/bin/sh
# Turns a Debian root file system with kind's files in it into a kind node. Runs once, while the image is built.
set -eu

version=$1
pause=$2

chmod 755 /usr/local/bin/entrypoint /kind/bin/*
ln -sf /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 /usr/local/bin/
mkdir -p /opt/cni/bin /etc/kubernetes/manifests
cp /usr/lib/cni/host-local /usr/lib/cni/loopback /usr/lib/cni/ptp /usr/lib/cni/portmap /opt/cni/bin/

# A container has no consoles, devices or disks of its own to look after.
find /usr/lib/systemd/system/sysinit.target.wants -name systemd-tmpfiles-setup.service -delete
rm -f /usr/lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/*
rm -f /usr/lib/systemd/system/local-fs.target.wants/* /usr/lib/systemd/system/basic.target.wants/*
rm -f /usr/lib/systemd/system/sockets.target.wants/*udev* /usr/lib/systemd/system/sockets.target.wants/*initctl*
echo "ReadKMsg=no" >>/etc/systemd/journald.conf
ln -sf "$(command -v systemd || echo /usr/lib/systemd/systemd)" /sbin/init

# Lowering an OOM score needs CAP_SYS_RESOURCE, which a machine may lack; a test cluster can do without it everywhere.
mkdir -p /etc/systemd/system/containerd.service.d
printf '[Service]\nOOMScoreAdjust=0\n' >/etc/systemd/system/containerd.service.d/oom.conf
sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \
    -e "s#sandbox_image = .*#sandbox_image = \"registry.k8s.io/pause:$pause\"#" /etc/containerd/config.toml
ctr oci spec \
    | jq '.hooks.createContainer = [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
        >/etc/containerd/cri-base.json

systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service
update-alternatives --set iptables /usr/sbin/iptables-legacy
echo "$version" >/kind/version
