// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/protocols"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// BenchmarkStream marshals and unmarshals a full chunk of output. google is BytesValue, which is
// ReadStreamResponse on the wire, by the other library's generated code.
func BenchmarkStream(b *testing.B) {
	data := make([]byte, 32<<10)
	ours := &protocols.ReadStreamResponse{Data: data}
	encoded, err := ours.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	marshal := map[string]func() ([]byte, error){
		"gogo":   ours.Marshal,
		"wire":   func() ([]byte, error) { return proto.Marshal(protocols.Wire(ours)) },
		"google": func() ([]byte, error) { return proto.Marshal(&wrapperspb.BytesValue{Value: data}) },
	}
	unmarshal := map[string]func() error{
		"gogo":   func() error { return new(protocols.ReadStreamResponse).Unmarshal(encoded) },
		"wire":   func() error { return proto.Unmarshal(encoded, protocols.Wire(new(protocols.ReadStreamResponse))) },
		"google": func() error { return proto.Unmarshal(encoded, new(wrapperspb.BytesValue)) },
	}
	for _, name := range []string{"gogo", "wire", "google"} {
		b.Run("marshal/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := marshal[name](); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("unmarshal/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := unmarshal[name](); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCreate is a request of ordinary size: a Kubernetes container's specification.
func BenchmarkCreate(b *testing.B) {
	encoded, err := ordinaryCreate().Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		m := ordinaryCreate()
		for b.Loop() {
			if _, err := proto.Marshal(protocols.Wire(m)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(encoded, protocols.Wire(new(protocols.CreateContainerRequest))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCall is a whole ReadStdout of 32 KiB over a socket pair, client included.
func BenchmarkCall(b *testing.B) {
	data := make([]byte, 32<<10)
	client := ttrpcPair(b, map[string]ttrpc.Method{
		"ReadStdout": func(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
			var req protocols.ReadStreamRequest
			if err := unmarshal(protocols.Wire(&req)); err != nil {
				return nil, err
			}
			return protocols.Wire(&protocols.ReadStreamResponse{Data: data[:req.Len]}), nil
		},
	})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var resp protocols.ReadStreamResponse
		req := &protocols.ReadStreamRequest{ContainerId: "c", Len: uint32(len(data))}
		err := client.Call(b.Context(), protocols.AgentService, "ReadStdout", protocols.Wire(req), protocols.Wire(&resp))
		if err != nil || len(resp.Data) != len(data) {
			b.Fatalf("%d bytes, error %v", len(resp.Data), err)
		}
	}
}

// ordinaryCreate has the members a Kubernetes container usually has, about 4 KiB on the wire.
func ordinaryCreate() *protocols.CreateContainerRequest {
	spec := &protocols.Spec{
		Version: "1.1.0",
		Process: &protocols.Process{
			Args: []string{"/usr/bin/server", "--listen", ":8080"}, Cwd: "/", User: &protocols.User{AdditionalGids: []uint32{0, 10}},
			Capabilities: &protocols.LinuxCapabilities{}, OOMScoreAdj: 999,
		},
		Root:        &protocols.Root{Path: "/run/kata-containers/shared/containers/c/rootfs"},
		Annotations: map[string]string{},
		Linux: &protocols.Linux{
			CgroupsPath: "kubepods-besteffort-pod0.slice:cri-containerd:c",
			Resources:   &protocols.LinuxResources{CPU: &protocols.LinuxCPU{Shares: 2, Period: 100000}, Memory: &protocols.LinuxMemory{Limit: 1 << 30}},
			MaskedPaths: []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/sys/firmware"},
		},
	}
	for i := range 25 {
		spec.Process.Env = append(spec.Process.Env, fmt.Sprintf("SOME_SERVICE_%d_PORT_8080_TCP_ADDR=10.0.0.%d", i, i))
		spec.Annotations[fmt.Sprintf("io.kubernetes.example/annotation-%d", i)] = "some value of middling length"
		spec.Mounts = append(spec.Mounts, &protocols.Mount{
			Destination: fmt.Sprintf("/mnt/%d", i), Type: "bind", Source: "/run/kata-containers/shared/containers/volume", Options: []string{"rbind", "rprivate", "rw"},
		})
	}
	for _, name := range []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID"} {
		c := spec.Process.Capabilities
		c.Bounding, c.Effective, c.Permitted = append(c.Bounding, name), append(c.Effective, name), append(c.Permitted, name)
	}
	return &protocols.CreateContainerRequest{ContainerId: "c", OCI: spec}
}
