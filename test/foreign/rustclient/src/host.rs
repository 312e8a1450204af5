// SPDX-License-Identifier: Apache-2.0

//! What runtime-rs makes of a bundle's config.json before it sends it: what only the host can do is
//! taken out, paths become the guest's.

use std::path::PathBuf;

use oci_spec::runtime as spec;

/// The shared memory of the sandbox in the guest.
pub const SHM: &str = "/run/kata-containers/sandbox/shm";

/// Where the guest finds a container, and what of its specification is kept.
pub struct Guest<'a> {
    pub rootfs: &'a str,
    pub cgroup: &'a str,
    pub kind: &'a str, // pod_sandbox or pod_container
    pub seccomp: bool,
}

pub fn amend(spec: &mut spec::Spec, id: &str, guest: &Guest) -> Result<(), String> {
    let mut hooks = spec::Hooks::default();
    hooks.set_start_container(spec.hooks().as_ref().and_then(|h| h.start_container().clone()));
    spec.set_hooks(Some(hooks));

    let mut root = spec.root().clone().ok_or("no root")?;
    root.set_path(PathBuf::from(guest.rootfs));
    spec.set_root(Some(root));

    for mount in spec.mounts_mut().iter_mut().flatten() {
        if mount.destination().as_os_str() == "/dev/shm" {
            mount.set_source(Some(PathBuf::from(SHM)));
        }
    }
    let mut annotations = spec.annotations().clone().unwrap_or_default();
    annotations.insert("io.katacontainers.pkg.oci.container_type".into(), guest.kind.into());
    annotations.insert("io.katacontainers.pkg.oci.bundle_path".into(), format!("/run/containerd/{id}"));
    spec.set_annotations(Some(annotations));

    let linux = spec.linux_mut().as_mut().ok_or("no linux section")?;
    linux.set_cgroups_path(Some(PathBuf::from(format!("{}/{id}", guest.cgroup))));
    if !guest.seccomp {
        linux.set_seccomp(None);
    }
    let kept = linux.namespaces().iter().flatten().filter(|n| !of_the_host(n.typ())).map(|n| {
        let mut namespace = spec::LinuxNamespace::default();
        namespace.set_typ(n.typ());
        namespace
    });
    let kept: Vec<_> = kept.collect();
    linux.set_namespaces(Some(kept));
    if let Some(resources) = linux.resources_mut() {
        for_the_guest(resources);
    }
    Ok(())
}

fn of_the_host(t: spec::LinuxNamespaceType) -> bool {
    use spec::LinuxNamespaceType::{Network, Pid, Time};
    matches!(t, Pid | Network | Time)
}

/// Takes out the limits that the host sets itself, and its CPUs.
pub fn for_the_guest(resources: &mut spec::LinuxResources) {
    resources.set_devices(None);
    resources.set_pids(None);
    resources.set_block_io(None);
    resources.set_network(None);
    if let Some(cpu) = resources.cpu_mut() {
        cpu.set_cpus(None);
        cpu.set_mems(None);
    }
}
