// SPDX-License-Identifier: Apache-2.0

//! Exec sessions: with all of their process, reads of 8 KiB, a write of nothing to close stdin.

use oci_spec::runtime as spec;
use ttrpc::{Code, Error};

use crate::{
    client::{limited, unlimited, Agent},
    convert,
    pod::{expect, signal},
    protocols::agent::*,
    Outcome,
};

const READ_SIZE: u32 = 8 << 10;

/// Runs n sessions in a container, at most at_once at a time.
pub async fn many(agent: &Agent, pod: &Of, n: u64, at_once: u64, outcome: &mut Outcome) -> Result<(), String> {
    for first in (0..n).step_by(at_once as usize) {
        let batch: Vec<_> = (first..(first + at_once).min(n))
            .map(|i| {
                let (agent, of) = (agent.clone(), pod.clone());
                tokio::spawn(async move { echo(&agent, &of, &format!("e{i}")).await })
            })
            .collect();
        for s in batch {
            let result = s.await.map_err(|e| e.to_string())?;
            outcome.count("session", result);
        }
    }
    Ok(())
}

/// What sessions are of: a container, and the process of its specification.
#[derive(Clone)]
pub struct Of {
    pub container: &'static str,
    pub process: spec::Process,
}

impl Of {
    fn request(&self, id: &str, args: &[&str], terminal: bool) -> ExecProcessRequest {
        let mut process = self.process.clone();
        process.set_args(Some(args.iter().map(|a| a.to_string()).collect()));
        process.set_terminal(Some(terminal));
        ExecProcessRequest {
            container_id: self.container.into(),
            exec_id: id.into(),
            process: Some(convert::process(&process)).into(),
            ..Default::default()
        }
    }
}

/// Sends a line through `cat` and checks what comes back.
async fn echo(agent: &Agent, of: &Of, id: &str) -> Result<(), String> {
    let exec = of.request(id, &["sh", "-c", "cat; echo err >&2; exit 7"], false);
    agent.agent.exec_process(limited(), &exec).await.map_err(said("ExecProcess"))?;
    let line = format!("hello {id}\n");
    let reads = tokio::spawn({
        let (agent, id, container) = (agent.clone(), id.to_string(), of.container);
        async move { tokio::join!(read(&agent, container, &id, false), read(&agent, container, &id, true)) }
    });
    for data in [line.as_bytes(), b""] {
        write(agent, of.container, id, data).await?;
    }
    let (stdout, stderr) = reads.await.map_err(|e| e.to_string())?;
    expect("stdout", stdout?, line)?;
    expect("stderr", stderr?, "err\n".to_string())?;
    ended(agent, of.container, id, 7).await
}

/// Runs a program on a terminal, whose size is set before it is read, as for `kubectl exec -t`.
pub async fn terminal(agent: &Agent, of: &Of) -> Result<(), String> {
    let exec = of.request("tty", &["sh", "-c", "read go; stty size"], true);
    agent.agent.exec_process(limited(), &exec).await.map_err(said("ExecProcess"))?;
    let size = TtyWinResizeRequest {
        container_id: of.container.into(),
        exec_id: "tty".into(),
        row: 31,
        column: 97,
        ..Default::default()
    };
    agent.agent.tty_win_resize(limited(), &size).await.map_err(said("TtyWinResize"))?;
    write(agent, of.container, "tty", b"go\n").await?;
    let out = read(agent, of.container, "tty", false).await?;
    expect("size of the terminal", out.contains("31 97"), true).map_err(|e| format!("{e}: {out:?}"))?;
    ended(agent, of.container, "tty", 0).await
}

/// Runs a program without input and gives what it wrote.
pub async fn output(agent: &Agent, of: &Of, id: &str, args: &[&str]) -> Result<String, String> {
    let exec = of.request(id, args, false);
    agent.agent.exec_process(limited(), &exec).await.map_err(said("ExecProcess"))?;
    let close = CloseStdinRequest { container_id: of.container.into(), exec_id: id.into(), ..Default::default() };
    agent.agent.close_stdin(limited(), &close).await.map_err(said("CloseStdin"))?;
    let (out, err) = tokio::join!(read(agent, of.container, id, false), read(agent, of.container, id, true));
    ended(agent, of.container, id, 0).await.map_err(|e| format!("{e}: {err:?}"))?;
    out
}

async fn ended(agent: &Agent, container: &str, id: &str, status: i32) -> Result<(), String> {
    let wait = WaitProcessRequest { container_id: container.into(), exec_id: id.into(), ..Default::default() };
    let reply = agent.agent.wait_process(unlimited(), &wait).await.map_err(said("WaitProcess"))?;
    expect("status", reply.status, status)?;
    // Sent after every session; that the process has gone is no failure.
    match signal(agent, container, id).await {
        Err(Error::RpcStatus(s)) if s.code() == Code::NOT_FOUND => Ok(()),
        other => other.map_err(said("SignalProcess")),
    }
}

pub async fn write(agent: &Agent, container: &str, id: &str, data: &[u8]) -> Result<(), String> {
    let request = WriteStreamRequest {
        container_id: container.into(),
        exec_id: id.into(),
        data: data.to_vec(),
        ..Default::default()
    };
    let reply = agent.agent.write_stdin(unlimited(), &request).await.map_err(said("WriteStdin"))?;
    expect("bytes written", reply.len as usize, data.len())
}

/// Reads a stream to its end: a reply without data, or an error, as terminals have it.
async fn read(agent: &Agent, container: &str, id: &str, stderr: bool) -> Result<String, String> {
    let mut all = Vec::new();
    loop {
        match read_once(agent, container, id, stderr).await {
            Ok(data) if data.is_empty() => return Ok(String::from_utf8_lossy(&all).into()),
            Ok(data) => all.extend(data),
            Err(Error::RpcStatus(s)) if s.message().contains("Input/output error") => {
                return Ok(String::from_utf8_lossy(&all).into());
            }
            Err(e) => return Err(format!("read: {e}")),
        }
    }
}

pub async fn read_once(agent: &Agent, container: &str, id: &str, stderr: bool) -> ttrpc::Result<Vec<u8>> {
    let request = ReadStreamRequest {
        container_id: container.into(),
        exec_id: id.into(),
        len: READ_SIZE,
        ..Default::default()
    };
    let reply = if stderr {
        agent.agent.read_stderr(unlimited(), &request).await
    } else {
        agent.agent.read_stdout(unlimited(), &request).await
    };
    Ok(reply?.data)
}

pub fn said(what: &'static str) -> impl Fn(Error) -> String {
    move |e| format!("{what}: {e}")
}
