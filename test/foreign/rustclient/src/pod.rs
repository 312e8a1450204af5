// SPDX-License-Identifier: Apache-2.0

//! The life of a pod with one container and many exec sessions, call by call as runtime-rs makes
//! them: init addressed by an empty exec id, sessions with all of their process, reads of 8 KiB, a
//! write of nothing to close stdin.

use ttrpc::{Code, Error};

use crate::{
    client::{connect, limited, unlimited, Agent},
    protocols::{agent::*, health::CheckRequest, oci},
    Options, Outcome,
};

const CONTAINER: &str = "c1";
const SIGKILL: u32 = 9;
const READ_SIZE: u32 = 8 << 10;

pub async fn run(options: &Options) -> Result<Outcome, String> {
    let agent = connect(options.text("socket")?)?;
    let rootfs = options.text("rootfs")?;
    let cgroup = options.text("cgroup").unwrap_or("/foreign-rustclient");
    let mut outcome = Outcome::default();

    outcome.count("Check", agent.health.check(limited(), &CheckRequest::new()).await);
    start(&agent, rootfs, cgroup, &mut outcome).await;
    let oom = tokio::spawn({
        let agent = agent.clone();
        async move { agent.agent.get_oom_event(unlimited(), &GetOOMEventRequest::new()).await }
    });
    let at_once = options.number("at-once", 8)?.max(1);
    sessions(&agent, options.number("sessions", 20)?, at_once, &mut outcome).await?;
    stop(&agent, &mut outcome).await;
    if oom.is_finished() {
        outcome.count("GetOOMEvent", Err::<(), _>("ended by itself"));
    }
    if options.text("destroy") == Ok("yes") {
        outcome.count("DestroySandbox", agent.agent.destroy_sandbox(limited(), &DestroySandboxRequest::new()).await);
    }
    Ok(outcome)
}

async fn start(agent: &Agent, rootfs: &str, cgroup: &str, outcome: &mut Outcome) {
    let sandbox = CreateSandboxRequest { hostname: "pod".into(), sandbox_id: "sb".into(), ..Default::default() };
    outcome.count("CreateSandbox", agent.agent.create_sandbox(limited(), &sandbox).await);
    let details = GuestDetailsRequest { mem_block_size: true, mem_hotplug_probe: true, ..Default::default() };
    outcome.count("GetGuestDetails", agent.agent.get_guest_details(limited(), &details).await);
    let create = CreateContainerRequest {
        container_id: CONTAINER.into(),
        OCI: Some(spec(rootfs, cgroup)).into(),
        ..Default::default()
    };
    outcome.count("CreateContainer", agent.agent.create_container(limited(), &create).await);
    let start = StartContainerRequest { container_id: CONTAINER.into(), ..Default::default() };
    outcome.count("StartContainer", agent.agent.start_container(limited(), &start).await);
}

async fn stop(agent: &Agent, outcome: &mut Outcome) {
    outcome.count("SignalProcess", signal(agent, "").await);
    let wait = WaitProcessRequest { container_id: CONTAINER.into(), ..Default::default() };
    let status = agent.agent.wait_process(unlimited(), &wait).await.map_err(|e| e.to_string());
    outcome.count("WaitProcess", status.and_then(|r| expect("status", r.status, 128 + SIGKILL as i32)));
    let remove = RemoveContainerRequest { container_id: CONTAINER.into(), timeout: 10, ..Default::default() };
    outcome.count("RemoveContainer", agent.agent.remove_container(limited(), &remove).await);
}

async fn sessions(agent: &Agent, n: u64, at_once: u64, outcome: &mut Outcome) -> Result<(), String> {
    for first in (0..n).step_by(at_once as usize) {
        let batch: Vec<_> = (first..(first + at_once).min(n))
            .map(|i| {
                let agent = agent.clone();
                tokio::spawn(async move { session(&agent, &format!("e{i}")).await })
            })
            .collect();
        for s in batch {
            let result = s.await.map_err(|e| e.to_string())?;
            outcome.count("session", result);
        }
    }
    Ok(())
}

/// Sends a line through `cat` and checks what comes back.
async fn session(agent: &Agent, id: &str) -> Result<(), String> {
    let text = |what: &'static str| move |e: Error| format!("{what}: {e}");
    let exec = ExecProcessRequest {
        container_id: CONTAINER.into(),
        exec_id: id.into(),
        process: Some(process(&["sh", "-c", "cat; echo err >&2; exit 7"])).into(),
        ..Default::default()
    };
    agent.agent.exec_process(limited(), &exec).await.map_err(text("ExecProcess"))?;

    let line = format!("hello {id}\n");
    let reads = tokio::spawn({
        let (agent, id) = (agent.clone(), id.to_string());
        async move { tokio::join!(read(&agent, &id, false), read(&agent, &id, true)) }
    });
    for data in [line.as_bytes(), b""] {
        let write = WriteStreamRequest {
            container_id: CONTAINER.into(),
            exec_id: id.into(),
            data: data.to_vec(),
            ..Default::default()
        };
        let reply = agent.agent.write_stdin(unlimited(), &write).await.map_err(text("WriteStdin"))?;
        expect("bytes written", reply.len as usize, data.len())?;
    }
    let (stdout, stderr) = reads.await.map_err(|e| e.to_string())?;
    expect("stdout", stdout?, line)?;
    expect("stderr", stderr?, "err\n".to_string())?;

    let wait = WaitProcessRequest { container_id: CONTAINER.into(), exec_id: id.into(), ..Default::default() };
    let reply = agent.agent.wait_process(unlimited(), &wait).await.map_err(text("WaitProcess"))?;
    expect("status", reply.status, 7)?;
    // Sent after every session; that the process has gone is no failure.
    match signal(agent, id).await {
        Err(Error::RpcStatus(s)) if s.code() == Code::NOT_FOUND => Ok(()),
        Err(e) => Err(format!("SignalProcess: {e}")),
        Ok(_) => Ok(()),
    }
}

async fn signal(agent: &Agent, exec_id: &str) -> ttrpc::Result<()> {
    let request = SignalProcessRequest {
        container_id: CONTAINER.into(),
        exec_id: exec_id.into(),
        signal: SIGKILL,
        ..Default::default()
    };
    agent.agent.signal_process(limited(), &request).await.map(|_| ())
}

/// Reads a stream to its end: a reply without data.
async fn read(agent: &Agent, exec_id: &str, stderr: bool) -> Result<String, String> {
    let request = ReadStreamRequest {
        container_id: CONTAINER.into(),
        exec_id: exec_id.into(),
        len: READ_SIZE,
        ..Default::default()
    };
    let mut all = Vec::new();
    loop {
        let reply = if stderr {
            agent.agent.read_stderr(unlimited(), &request).await
        } else {
            agent.agent.read_stdout(unlimited(), &request).await
        };
        let data = reply.map_err(|e| format!("read: {e}"))?.data;
        if data.is_empty() {
            return String::from_utf8(all).map_err(|e| e.to_string());
        }
        all.extend(data);
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Result<(), String> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: {got:?}, want {want:?}"))
}

fn process(args: &[&str]) -> oci::Process {
    let capabilities: Vec<String> = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
        .iter()
        .map(|c| c.to_string())
        .collect();
    oci::Process {
        Args: args.iter().map(|a| a.to_string()).collect(),
        Env: vec!["PATH=/usr/bin:/bin:/sbin".into()],
        Cwd: "/".into(),
        User: Some(oci::User::new()).into(),
        NoNewPrivileges: true,
        Capabilities: Some(oci::LinuxCapabilities {
            Bounding: capabilities.clone(),
            Effective: capabilities.clone(),
            Permitted: capabilities,
            ..Default::default()
        })
        .into(),
        ..Default::default()
    }
}

fn spec(rootfs: &str, cgroup: &str) -> oci::Spec {
    let mount = |destination: &str, kind: &str, options: &[&str]| oci::Mount {
        destination: destination.into(),
        source: kind.into(),
        type_: kind.into(),
        options: options.iter().map(|o| o.to_string()).collect(),
        ..Default::default()
    };
    oci::Spec {
        Version: "1.1.0".into(),
        Process: Some(process(&["sleep", "1000"])).into(),
        Root: Some(oci::Root { Path: rootfs.into(), ..Default::default() }).into(),
        Hostname: "pod".into(),
        Mounts: vec![
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ],
        Linux: Some(oci::Linux {
            CgroupsPath: format!("{cgroup}/{CONTAINER}"),
            Namespaces: ["ipc", "uts", "mount"]
                .iter()
                .map(|t| oci::LinuxNamespace { Type: t.to_string(), ..Default::default() })
                .collect(),
            Resources: Some(oci::LinuxResources::new()).into(),
            ..Default::default()
        })
        .into(),
        ..Default::default()
    }
}
