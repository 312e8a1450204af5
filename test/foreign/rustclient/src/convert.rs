// SPDX-License-Identifier: Apache-2.0

//! From the types of the oci-spec crate to the messages, as runtime-rs and agent-ctl convert them:
//! words by their display form, absent numbers as zero, absent text as empty.

use std::{collections::HashSet, path::Path};

use oci_spec::runtime as spec;

use crate::protocols::oci;

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn list<'a, T: 'a, M>(from: &'a Option<Vec<T>>, message: impl Fn(&'a T) -> M) -> Vec<M> {
    from.iter().flatten().map(message).collect()
}

pub fn container(from: &spec::Spec) -> oci::Spec {
    oci::Spec {
        Version: from.version().clone(),
        Process: from.process().as_ref().map(process).into(),
        Root: from.root().as_ref().map(root).into(),
        Hostname: from.hostname().clone().unwrap_or_default(),
        Mounts: list(from.mounts(), mount),
        Hooks: from.hooks().as_ref().map(hooks).into(),
        Annotations: from.annotations().clone().unwrap_or_default(),
        Linux: from.linux().as_ref().map(linux).into(),
        ..Default::default()
    }
}

fn root(from: &spec::Root) -> oci::Root {
    oci::Root { Path: text(from.path()), Readonly: from.readonly().unwrap_or_default(), ..Default::default() }
}

fn mount(from: &spec::Mount) -> oci::Mount {
    oci::Mount {
        destination: text(from.destination()),
        source: from.source().as_deref().map(text).unwrap_or_default(),
        type_: from.typ().clone().unwrap_or_default(),
        options: from.options().clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn hooks(from: &spec::Hooks) -> oci::Hooks {
    oci::Hooks {
        CreateRuntime: list(from.create_runtime(), hook),
        CreateContainer: list(from.create_container(), hook),
        StartContainer: list(from.start_container(), hook),
        Poststart: list(from.poststart(), hook),
        Poststop: list(from.poststop(), hook),
        ..Default::default()
    }
}

fn hook(from: &spec::Hook) -> oci::Hook {
    oci::Hook {
        Path: text(from.path()),
        Args: from.args().clone().unwrap_or_default(),
        Env: from.env().clone().unwrap_or_default(),
        Timeout: from.timeout().unwrap_or_default(),
        ..Default::default()
    }
}

pub fn process(from: &spec::Process) -> oci::Process {
    oci::Process {
        Terminal: from.terminal().unwrap_or_default(),
        ConsoleSize: from.console_size().as_ref().map(console).into(),
        User: Some(user(from.user())).into(),
        Args: from.args().clone().unwrap_or_default(),
        Env: from.env().clone().unwrap_or_default(),
        Cwd: text(from.cwd()),
        Capabilities: from.capabilities().as_ref().map(capabilities).into(),
        Rlimits: list(from.rlimits(), rlimit),
        NoNewPrivileges: from.no_new_privileges().unwrap_or_default(),
        ApparmorProfile: from.apparmor_profile().clone().unwrap_or_default(),
        OOMScoreAdj: from.oom_score_adj().unwrap_or_default().into(),
        SelinuxLabel: from.selinux_label().clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn console(from: &spec::Box) -> oci::Box {
    oci::Box { Height: from.height() as u32, Width: from.width() as u32, ..Default::default() }
}

fn user(from: &spec::User) -> oci::User {
    oci::User {
        UID: from.uid(),
        GID: from.gid(),
        AdditionalGids: from.additional_gids().clone().unwrap_or_default(),
        Username: from.username().clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn capabilities(from: &spec::LinuxCapabilities) -> oci::LinuxCapabilities {
    let set = |names: &Option<HashSet<spec::Capability>>| names.iter().flatten().map(|c| c.to_string()).collect();
    oci::LinuxCapabilities {
        Bounding: set(from.bounding()),
        Effective: set(from.effective()),
        Inheritable: set(from.inheritable()),
        Permitted: set(from.permitted()),
        Ambient: set(from.ambient()),
        ..Default::default()
    }
}

fn rlimit(from: &spec::PosixRlimit) -> oci::POSIXRlimit {
    oci::POSIXRlimit { Type: from.typ().to_string(), Hard: from.hard(), Soft: from.soft(), ..Default::default() }
}

fn linux(from: &spec::Linux) -> oci::Linux {
    oci::Linux {
        UIDMappings: list(from.uid_mappings(), id_mapping),
        GIDMappings: list(from.gid_mappings(), id_mapping),
        Sysctl: from.sysctl().clone().unwrap_or_default(),
        Resources: from.resources().as_ref().map(resources).into(),
        CgroupsPath: from.cgroups_path().as_deref().map(text).unwrap_or_default(),
        Namespaces: list(from.namespaces(), namespace),
        Devices: list(from.devices(), device),
        Seccomp: from.seccomp().as_ref().map(seccomp).into(),
        RootfsPropagation: from.rootfs_propagation().clone().unwrap_or_default(),
        MaskedPaths: from.masked_paths().clone().unwrap_or_default(),
        ReadonlyPaths: from.readonly_paths().clone().unwrap_or_default(),
        MountLabel: from.mount_label().clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn id_mapping(from: &spec::LinuxIdMapping) -> oci::LinuxIDMapping {
    oci::LinuxIDMapping {
        HostID: from.host_id(),
        ContainerID: from.container_id(),
        Size: from.size(),
        ..Default::default()
    }
}

fn namespace(from: &spec::LinuxNamespace) -> oci::LinuxNamespace {
    oci::LinuxNamespace {
        Type: from.typ().to_string(),
        Path: from.path().as_deref().map(text).unwrap_or_default(),
        ..Default::default()
    }
}

fn device(from: &spec::LinuxDevice) -> oci::LinuxDevice {
    oci::LinuxDevice {
        Path: text(from.path()),
        Type: from.typ().as_str().into(),
        Major: from.major(),
        Minor: from.minor(),
        FileMode: from.file_mode().unwrap_or_default(),
        UID: from.uid().unwrap_or_default(),
        GID: from.gid().unwrap_or_default(),
        ..Default::default()
    }
}

/// The limits that this host leaves in a specification. Devices, pids, block I/O and network it
/// takes out.
pub fn resources(from: &spec::LinuxResources) -> oci::LinuxResources {
    oci::LinuxResources {
        Memory: from.memory().as_ref().map(memory).into(),
        CPU: from.cpu().as_ref().map(cpu).into(),
        HugepageLimits: list(from.hugepage_limits(), |h| oci::LinuxHugepageLimit {
            Pagesize: h.page_size().clone(),
            Limit: h.limit() as u64,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn memory(from: &spec::LinuxMemory) -> oci::LinuxMemory {
    oci::LinuxMemory {
        Limit: from.limit().unwrap_or_default(),
        Reservation: from.reservation().unwrap_or_default(),
        Swap: from.swap().unwrap_or_default(),
        Kernel: from.kernel().unwrap_or_default(),
        KernelTCP: from.kernel_tcp().unwrap_or_default(),
        Swappiness: from.swappiness().unwrap_or_default(),
        DisableOOMKiller: from.disable_oom_killer().unwrap_or_default(),
        ..Default::default()
    }
}

fn cpu(from: &spec::LinuxCpu) -> oci::LinuxCPU {
    oci::LinuxCPU {
        Shares: from.shares().unwrap_or_default(),
        Quota: from.quota().unwrap_or_default(),
        Period: from.period().unwrap_or_default(),
        RealtimeRuntime: from.realtime_runtime().unwrap_or_default(),
        RealtimePeriod: from.realtime_period().unwrap_or_default(),
        Cpus: from.cpus().clone().unwrap_or_default(),
        Mems: from.mems().clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn seccomp(from: &spec::LinuxSeccomp) -> oci::LinuxSeccomp {
    oci::LinuxSeccomp {
        DefaultAction: from.default_action().to_string(),
        Architectures: list(from.architectures(), ToString::to_string),
        Flags: list(from.flags(), ToString::to_string),
        Syscalls: list(from.syscalls(), |s| oci::LinuxSyscall {
            Names: s.names().clone(),
            Action: s.action().to_string(),
            ErrnoRet: Some(oci::linux_syscall::ErrnoRet::Errnoret(s.errno_ret().unwrap_or_default())),
            Args: list(s.args(), |a| oci::LinuxSeccompArg {
                Index: a.index() as u64,
                Value: a.value(),
                ValueTwo: a.value_two().unwrap_or_default(),
                Op: a.op().to_string(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
