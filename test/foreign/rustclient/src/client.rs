// SPDX-License-Identifier: Apache-2.0

//! The connection: one for everything, as runtime-rs has it.

use std::time::Duration;

use ttrpc::{asynchronous::Client, context::Context};

use crate::protocols::{agent_ttrpc::AgentServiceClient, health_ttrpc::HealthClient};

#[derive(Clone)]
pub struct Agent {
    pub agent: AgentServiceClient,
    pub health: HealthClient,
}

/// Connects to a unix socket: a path, or `@name` in the abstract namespace.
pub fn connect(socket: &str) -> Result<Agent, String> {
    let client = Client::connect(&format!("unix://{socket}")).map_err(|e| format!("connect to {socket}: {e}"))?;
    Ok(Agent { agent: AgentServiceClient::new(client.clone()), health: HealthClient::new(client) })
}

/// The limit of most calls.
pub fn limited() -> Context {
    ttrpc::context::with_duration(Duration::from_secs(30))
}

/// No limit: reads, writes, waits.
pub fn unlimited() -> Context {
    ttrpc::context::with_timeout(0)
}
