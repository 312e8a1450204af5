// SPDX-License-Identifier: Apache-2.0

//! Generates messages and clients from the agent's own .proto files.

use std::{env, fs::OpenOptions, io::Write, path::Path};

use ttrpc_codegen::{Codegen, Customize, ProtobufCustomize};

const PROTOCOLS: &str = "../../../protocols";

fn main() {
    let files = ["agent.proto", "csi.proto", "health.proto", "oci.proto", "types.proto"];
    let mut inputs: Vec<String> = files.iter().map(|f| format!("{PROTOCOLS}/{f}")).collect();
    inputs.push("proto/google/protobuf/empty.proto".into());
    for input in &inputs {
        println!("cargo:rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR").expect("OUT_DIR");
    Codegen::new()
        .out_dir(&out)
        .inputs(&inputs)
        .include(PROTOCOLS)
        .include("proto")
        .rust_protobuf()
        .customize(Customize { async_all: true, ..Default::default() })
        .rust_protobuf_customize(ProtobufCustomize::default().gen_mod_rs(true))
        .run()
        .expect("generate messages");

    // The generated list of modules has the messages only.
    let mut list = OpenOptions::new()
        .append(true)
        .open(Path::new(&out).join("mod.rs"))
        .expect("open mod.rs");
    writeln!(list, "pub mod agent_ttrpc;\npub mod health_ttrpc;").expect("write mod.rs");
}
