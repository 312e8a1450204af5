// SPDX-License-Identifier: Apache-2.0

//! The life of a pod, call by call as runtime-rs makes them: its specifications are a bundle's
//! config.json read by the oci-spec crate, amended and converted; init is addressed by an empty exec
//! id.

use oci_spec::runtime as spec;

use crate::{
    client::{connect, limited, unlimited, Agent},
    convert, host,
    protocols::{agent::*, health::CheckRequest},
    session::{self, said, Of},
    Options, Outcome,
};

const SANDBOX: &str = "sb";
const APP: &str = "app";
const GUARDED: &str = "guarded";
const SIGKILL: u32 = 9;
const READS: &[&str] = &["sh", "-c", "read line; echo got $line; exec sleep 1000"];
const SHM_SIZE: u64 = 64 << 20;

/// A container to be: its id, whether it is the sandbox, and whether its seccomp profile is sent and a
/// mount of the container before it is shared with it.
struct Plan {
    id: &'static str,
    kind: &'static str,
    args: &'static [&'static str],
    seccomp: bool,
    shares: bool,
}

pub async fn run(options: &Options) -> Result<Outcome, String> {
    let agent = connect(options.text("socket")?)?;
    let mut outcome = Outcome::default();

    outcome.count("Check", agent.health.check(limited(), &CheckRequest::new()).await);
    outcome.count("Version", agent.health.version(limited(), &CheckRequest::new()).await);
    sandbox(&agent, &mut outcome).await;
    let pause = Plan { id: SANDBOX, kind: "pod_sandbox", args: &["sleep", "1000"], seccomp: false, shares: false };
    create(&agent, options, &pause, &mut outcome).await?;
    let oom = tokio::spawn({
        let agent = agent.clone();
        async move { agent.agent.get_oom_event(unlimited(), &GetOOMEventRequest::new()).await }
    });
    let app = Plan { id: APP, kind: "pod_container", args: READS, seccomp: false, shares: false };
    let process = create(&agent, options, &app, &mut outcome).await?;
    let of = Of { container: APP, process };
    outcome.count("init's streams", init_streams(&agent).await);
    session::many(&agent, &of, options.number("sessions", 20)?, options.number("at-once", 8)?.max(1), &mut outcome).await?;
    outcome.count("terminal", session::terminal(&agent, &of).await);
    control(&agent, &of, &mut outcome).await;

    let guarded = Plan { id: GUARDED, kind: "pod_container", args: &["sleep", "1000"], seccomp: true, shares: true };
    let process = create(&agent, options, &guarded, &mut outcome).await?;
    let of = Of { container: GUARDED, process };
    outcome.count("seccomp", guard(&agent, &of).await);
    outcome.count("shared mount", shared(&agent, &of).await);

    for id in [GUARDED, APP, SANDBOX] {
        stop(&agent, id, &mut outcome).await;
    }
    if oom.is_finished() {
        outcome.count("GetOOMEvent", Err::<(), _>("ended by itself"));
    }
    if options.text("destroy") == Ok("yes") {
        outcome.count("DestroySandbox", agent.agent.destroy_sandbox(limited(), &DestroySandboxRequest::new()).await);
    }
    Ok(outcome)
}

async fn sandbox(agent: &Agent, outcome: &mut Outcome) {
    outcome.count("ListInterfaces", agent.agent.list_interfaces(limited(), &ListInterfacesRequest::new()).await);
    outcome.count("ListRoutes", agent.agent.list_routes(limited(), &ListRoutesRequest::new()).await);
    let shm = Storage {
        driver: "ephemeral".into(),
        source: "shm".into(),
        fstype: "tmpfs".into(),
        mount_point: host::SHM.into(),
        options: vec!["noexec".into(), "nosuid".into(), "nodev".into(), "mode=1777".into(), format!("size={SHM_SIZE}")],
        ..Default::default()
    };
    let sandbox = CreateSandboxRequest {
        hostname: "pod".into(),
        sandbox_id: SANDBOX.into(),
        dns: vec!["nameserver 10.96.0.10".into(), "".into()],
        storages: vec![shm],
        ..Default::default()
    };
    outcome.count("CreateSandbox", agent.agent.create_sandbox(limited(), &sandbox).await);
    let details = GuestDetailsRequest { mem_block_size: true, mem_hotplug_probe: true, ..Default::default() };
    outcome.count("GetGuestDetails", agent.agent.get_guest_details(limited(), &details).await);
}

/// Creates and starts a container and gives the process of its specification.
async fn create(agent: &Agent, options: &Options, plan: &Plan, outcome: &mut Outcome) -> Result<spec::Process, String> {
    let mut spec = spec::Spec::load(options.text("spec")?).map_err(|e| e.to_string())?;
    let guest = host::Guest {
        rootfs: options.text("rootfs")?,
        cgroup: options.text("cgroup")?,
        kind: plan.kind,
        seccomp: plan.seccomp,
    };
    host::amend(&mut spec, plan.id, &guest)?;
    let mut process = spec.process().clone().ok_or("no process")?;
    process.set_args(Some(plan.args.iter().map(|a| a.to_string()).collect()));
    spec.set_process(Some(process.clone()));
    let create = CreateContainerRequest {
        container_id: plan.id.into(),
        OCI: Some(convert::container(&spec)).into(),
        shared_mounts: if plan.shares { vec![shared_shm()] } else { vec![] },
        ..Default::default()
    };
    outcome.count("CreateContainer", agent.agent.create_container(limited(), &create).await);
    let online = OnlineCPUMemRequest { nb_cpus: 1, cpu_only: false, ..Default::default() };
    outcome.count("OnlineCPUMem", agent.agent.online_cpu_mem(limited(), &online).await);
    let start = StartContainerRequest { container_id: plan.id.into(), ..Default::default() };
    outcome.count("StartContainer", agent.agent.start_container(limited(), &start).await);
    Ok(process)
}

/// Init is the process of the empty exec id.
async fn init_streams(agent: &Agent) -> Result<(), String> {
    session::write(agent, APP, "", b"this\n").await?;
    let out = session::read_once(agent, APP, "", false).await.map_err(said("ReadStdout"))?;
    expect("what init wrote", String::from_utf8_lossy(&out).into_owned(), "got this\n".to_string())
}

/// What is done to a container that runs: limits, statistics, pause.
async fn control(agent: &Agent, of: &Of, outcome: &mut Outcome) {
    let update = UpdateContainerRequest {
        container_id: APP.into(),
        resources: Some(convert::resources(&more_memory())).into(),
        ..Default::default()
    };
    outcome.count("UpdateContainer", agent.agent.update_container(limited(), &update).await);
    let stats = StatsContainerRequest { container_id: APP.into(), ..Default::default() };
    let stats = agent.agent.stats_container(limited(), &stats).await.map_err(said("StatsContainer"));
    let limit = stats.map(|s| s.cgroup_stats.memory_stats.usage.limit);
    outcome.count("memory limit", limit.and_then(|l| expect("limit", l, 256 << 20)));
    let pause = PauseContainerRequest { container_id: APP.into(), ..Default::default() };
    outcome.count("PauseContainer", agent.agent.pause_container(limited(), &pause).await);
    let resume = ResumeContainerRequest { container_id: APP.into(), ..Default::default() };
    outcome.count("ResumeContainer", agent.agent.resume_container(limited(), &resume).await);
    let shm = session::output(agent, of, "shm", &["sh", "-c", "echo shared >/dev/shm/f; cat /dev/shm/f"]).await;
    outcome.count("shared memory", shm.and_then(|s| expect("file", s, "shared\n".to_string())));
    let volume = VolumeStatsRequest { volume_guest_path: host::SHM.into(), ..Default::default() };
    outcome.count("GetVolumeStats", agent.agent.get_volume_stats(limited(), &volume).await);
    outcome.count("GetMetrics", agent.agent.get_metrics(limited(), &GetMetricsRequest::new()).await);
}

fn more_memory() -> spec::LinuxResources {
    let memory = spec::LinuxMemoryBuilder::default().limit(256 << 20).swap(256 << 20);
    let cpu = spec::LinuxCpuBuilder::default().shares(512u64).quota(150_000i64).period(100_000u64).cpus("0-63");
    let mut resources = spec::LinuxResources::default();
    resources.set_memory(memory.build().ok());
    resources.set_cpu(cpu.build().ok());
    host::for_the_guest(&mut resources);
    resources
}

/// The profile denies one call, without an errno of its own, which is EPERM.
async fn guard(agent: &Agent, of: &Of) -> Result<(), String> {
    let denied = "touch /tmp/f; chmod 600 /tmp/f 2>&1 || true; grep ^Seccomp: /proc/self/status";
    let out = session::output(agent, of, "s", &["sh", "-c", denied]).await?;
    expect("denied and filtered", out.contains("not permitted") && out.contains("Seccomp:\t2"), true)
        .map_err(|e| format!("{e}: {out:?}"))
}

/// A mount of the container called "app", as a configuration of runtime-rs names it.
fn shared_shm() -> SharedMount {
    SharedMount {
        name: "shm".into(),
        src_ctr: "app".into(),
        src_path: "/dev/shm".into(),
        dst_ctr: "app".into(),
        dst_path: "/of/app/shm".into(),
        ..Default::default()
    }
}

async fn shared(agent: &Agent, of: &Of) -> Result<(), String> {
    let out = session::output(agent, of, "m", &["grep", "-c", " /of/app/shm tmpfs ", "/proc/mounts"]).await?;
    expect("mounts of the other container", out, "1\n".to_string())
}

async fn stop(agent: &Agent, id: &str, outcome: &mut Outcome) {
    outcome.count("SignalProcess", signal(agent, id, "").await);
    let wait = WaitProcessRequest { container_id: id.into(), ..Default::default() };
    let status = agent.agent.wait_process(unlimited(), &wait).await.map_err(said("WaitProcess"));
    outcome.count("WaitProcess", status.and_then(|r| expect("status", r.status, 128 + SIGKILL as i32)));
    let remove = RemoveContainerRequest { container_id: id.into(), timeout: 10, ..Default::default() };
    outcome.count("RemoveContainer", agent.agent.remove_container(limited(), &remove).await);
}

pub async fn signal(agent: &Agent, container: &str, exec_id: &str) -> ttrpc::Result<()> {
    let request = SignalProcessRequest {
        container_id: container.into(),
        exec_id: exec_id.into(),
        signal: SIGKILL,
        ..Default::default()
    };
    agent.agent.signal_process(limited(), &request).await.map(|_| ())
}

pub fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Result<(), String> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: {got:?}, want {want:?}"))
}
