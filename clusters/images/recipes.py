"""What is built for a choice of versions: Go modules, and the images that are put together from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from clusters.images import digest
from clusters.images.gomodule import GoModule, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clusters.versions import Versions

_FOLDER = Path(__file__).parent
BASE_REFERENCE = "docker.io/firedrill/base:v1"
MINIO_REFERENCE = "docker.io/firedrill/minio:v1"
_BASE_LINES = (f"FROM {BASE_REFERENCE}",)
_SCRATCH_LINES = ("FROM scratch", "ENV PATH=/usr/local/bin:/usr/bin:/bin")


class Artefact(Protocol):
    """Something that is built once into a folder of the cache and used from there. A `GoModule` is one."""

    @property
    def component(self) -> str:
        """What it is."""

    @property
    def version(self) -> str:
        """At which version."""

    @property
    def folder(self) -> Path:
        """Where it is, or will be. The name carries `key`."""

    def key(self) -> str:
        """Digest of what it is made from."""

    def is_built(self) -> bool:
        """Whether it is there, whole."""

    def build(self) -> None:
        """Make it. What the earlier ones in the list yield can be used."""


@dataclass(frozen=True)
class Part:
    """A file or folder that goes into an image. `key` is the digest of what `source` will hold once it is made."""

    source: Path
    target: str
    key: str

    @classmethod
    def built(cls, module: Artefact, name: str, target: str) -> Part:
        """Something that an artefact yields."""
        return cls(module.folder / name, target, digest.of_texts(module.key(), name))

    @classmethod
    def ours(cls, source: Path, target: str) -> Part:
        """A file or folder of this repository, or another one that is there already."""
        return cls(source, target, digest.of_files(source))


@dataclass(frozen=True)
class Image:
    """An image: the name that manifests call it by, the lines of its Dockerfile before and after the parts."""

    reference: str
    parts: tuple[Part, ...]
    head: tuple[str, ...]
    tail: tuple[str, ...] = ()

    @property
    def on_base(self) -> bool:
        """Whether it needs our Debian base image."""
        return self.head == _BASE_LINES

    def dockerfile(self) -> str:
        """Its Dockerfile, for a context that holds part n under the name n."""
        copies = [f"COPY {number} {part.target}" for number, part in enumerate(self.parts)]
        return "\n".join([*self.head, *copies, *self.tail, ""])

    def key(self, base_key: str) -> str:
        """Digest of everything it is made from."""
        return digest.of_texts(self.dockerfile(), base_key if self.on_base else "", *(p.key for p in self.parts))


@dataclass(frozen=True)
class Recipes:
    """Everything for one choice of versions."""

    kubernetes: GoModule
    kind: GoModule
    modules: tuple[Artefact, ...]
    images: tuple[Image, ...]

    def extended(self, modules: Sequence[Artefact], images: Sequence[Image]) -> Recipes:
        """The same with things that somebody else describes, for example the CSI driver's."""
        return Recipes(self.kubernetes, self.kind, (*self.modules, *modules), (*self.images, *images))


def owner_of(program: str) -> str:
    """The component that yields a program of this machine, such as kubectl or restic."""
    return "kubernetes" if program in {"kubectl", "kubeadm"} else program


def kubernetes_module(version: str) -> GoModule:
    """kubeadm, kubelet, kubectl and the control plane, stamped with their version as a release is."""
    minor = version.split(".")[1]
    stamp = {"gitVersion": version, "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    ldflags = " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in stamp.items())
    return GoModule("kubernetes", version, ldflags=ldflags)


def kind_module(version: str) -> GoModule:
    """kind itself, and the files that its node images are made with."""
    return GoModule("kind", version, trees=(Tree("sigs.k8s.io/kind", "images/base/files", "node-files"),))


def volsync_module(version: str) -> GoModule:
    """VolSync's manager, its manifests and its restic mover."""
    module = "github.com/backube/volsync"
    return GoModule(
        "volsync",
        version,
        rename=(("cmd", "manager"),),
        trees=(Tree(module, "config", "config"), Tree(module, "mover-restic", "mover-restic")),
    )


def snapshotter_module(version: str) -> GoModule:
    """snapshot-controller, csi-snapshotter, and the manifests and CRDs of both."""
    server = "github.com/kubernetes-csi/external-snapshotter/v8"
    client = "github.com/kubernetes-csi/external-snapshotter/client/v8"
    trees = (Tree(server, "deploy/kubernetes/snapshot-controller", "deploy"), Tree(client, "config/crd", "crd"))
    return GoModule("snapshotter", version, trees=trees)


def protos_module(version: str) -> GoModule:
    """The .proto files of CSI and of the kubelet's plugin registration."""
    trees = (
        Tree("github.com/container-storage-interface/spec", "csi.proto", "csi.proto"),
        Tree("k8s.io/kubelet", "pkg/apis/pluginregistration/v1/api.proto", "registration.proto"),
    )
    return GoModule("csi-protos", version, trees=trees, tools=False)


def recipes(versions: Versions) -> Recipes:
    """The recipes for a choice of versions, in the order in which they are best built: the longest first."""
    kubernetes = kubernetes_module(versions.kubernetes)
    kind = kind_module(versions.kind)
    volsync = volsync_module(versions.volsync)
    snapshotter = snapshotter_module(versions.snapshotter)
    provisioner = GoModule("provisioner", versions.provisioner)
    resizer = GoModule("resizer", versions.resizer)
    minio = GoModule("minio", versions.minio)
    restic = GoModule("restic", versions.restic)
    etcd = GoModule("etcd", versions.etcd, rename=(("server", "etcd"),))
    coredns = GoModule("coredns", versions.coredns)
    pause = GoModule("pause", "v1")
    sanity = GoModule("csi-sanity", versions.csi_sanity)
    protos = protos_module(versions.csi_protos)
    sidecar = "registry.k8s.io/sig-storage"
    control_plane = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    images = (
        *(_program(f"registry.k8s.io/{name}:{versions.kubernetes}", kubernetes, name) for name in control_plane),
        Image(
            f"registry.k8s.io/kube-proxy:{versions.kubernetes}",
            (Part.built(kubernetes, "kube-proxy", "/usr/local/bin/kube-proxy"),),
            _BASE_LINES,
        ),
        _program(f"registry.k8s.io/etcd:{versions.etcd.removeprefix('v')}-0", etcd, "etcd"),
        _program(f"registry.k8s.io/coredns/coredns:{versions.coredns}", coredns, "coredns"),
        _program(f"registry.k8s.io/pause:{versions.pause}", pause, "pause"),
        _program(f"{sidecar}/snapshot-controller:{versions.snapshotter}", snapshotter, "snapshot-controller"),
        _program(f"{sidecar}/csi-snapshotter:{versions.snapshotter}", snapshotter, "csi-snapshotter"),
        _program(f"{sidecar}/csi-provisioner:{versions.provisioner}", provisioner, "csi-provisioner"),
        _program(f"{sidecar}/csi-resizer:{versions.resizer}", resizer, "csi-resizer"),
        volsync_image(volsync, restic),
        Image(
            "docker.io/firedrill/podnet:v1",
            (Part.ours(_FOLDER / "podnet" / "podnet.py", "/usr/local/bin/podnet"),),
            _BASE_LINES,
            ('ENTRYPOINT ["python3", "-u", "/usr/local/bin/podnet"]',),
        ),
        _program(MINIO_REFERENCE, minio, "minio"),
    )
    sidecars = (snapshotter, provisioner, resizer)
    modules = (kubernetes, minio, volsync, *sidecars, coredns, restic, etcd, sanity, kind, pause, protos)
    return Recipes(kubernetes, kind, modules, images)


def volsync_image(volsync: GoModule, restic: GoModule) -> Image:
    """VolSync's manager and restic mover in one image, laid out as its own Dockerfile does."""
    return Image(
        f"quay.io/backube/volsync:{volsync.version.removeprefix('v')}",
        (
            Part.built(volsync, "manager", "/manager"),
            Part.built(volsync, "mover-restic", "/mover-restic/"),
            Part.built(restic, "restic", "/usr/local/bin/restic"),
        ),
        _BASE_LINES,
        ("RUN chmod a+rx /mover-restic/*.sh", 'ENTRYPOINT ["/bin/bash"]'),
    )


def _program(reference: str, module: GoModule, name: str) -> Image:
    target = f"/usr/local/bin/{name}"
    return Image(reference, (Part.built(module, name, target),), _SCRATCH_LINES, (f'ENTRYPOINT ["{target}"]',))
