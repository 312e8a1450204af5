// SPDX-License-Identifier: Apache-2.0

//! Many small calls on one connection. The library takes a call's stream id before it queues the
//! frame, so with several at once the ids do not arrive in order.

use std::sync::{
    atomic::{AtomicU64, Ordering},
    Arc,
};

use crate::{
    client::{connect, limited},
    protocols::{agent::GuestDetailsRequest, health::CheckRequest},
    Options, Outcome,
};

pub async fn run(options: &Options) -> Result<Outcome, String> {
    let calls = options.number("calls", 10_000)?;
    let at_once = options.number("at-once", 50)?.max(1);
    let agent = connect(options.text("socket")?)?;
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for _ in 0..at_once {
        let (agent, next) = (agent.clone(), next.clone());
        workers.push(tokio::spawn(async move {
            let mut outcome = Outcome::default();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= calls {
                    return outcome;
                }
                if n % 2 == 0 {
                    let reply = agent.health.check(limited(), &CheckRequest::new()).await;
                    outcome.count("Check", reply);
                } else {
                    let request = GuestDetailsRequest { mem_block_size: true, ..Default::default() };
                    let reply = agent.agent.get_guest_details(limited(), &request).await;
                    outcome.count("GetGuestDetails", reply);
                }
            }
        }));
    }
    let mut outcome = Outcome::default();
    for worker in workers {
        outcome.add(worker.await.map_err(|e| e.to_string())?);
    }
    Ok(outcome)
}
