// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/metrics"
)

// agentMetrics are the families about what the agent does; the collector has those about its process and
// the guest.
func (s *Service) agentMetrics() []*metrics.Family {
	l := s.Live()
	return append(append(s.stepMetrics(l), callMetrics(l)...), podMetrics(l)...)
}

// podMetrics are about containers, their sessions and the actors.
func podMetrics(l *Live) []*metrics.Family {
	containers := metrics.Gauge("kata_agent_containers", "Containers by state", "state")
	sessions := metrics.Gauge("kata_agent_sessions", "Processes that the agent has started, by state", "state")
	byState, bySession := map[string]int{}, map[string]int{}
	for _, c := range l.Containers {
		byState[c.State]++
		for _, p := range c.Sessions {
			bySession[p.State]++
		}
	}
	for _, state := range []string{"creating", "created", "running", "paused", "stopped"} {
		containers.Add(float64(byState[state]), state)
	}
	for _, state := range []string{"running", "exited", "waited"} {
		sessions.Add(float64(bySession[state]), state)
	}
	return []*metrics.Family{
		containers, sessions,
		one(metrics.Gauge("kata_agent_actors", "Living actors"), l.Actors.Living),
		one(metrics.Gauge("kata_agent_mailbox_messages", "Messages that wait in the mailboxes of all actors"), l.Actors.Mailbox),
		one(metrics.Gauge("kata_agent_deepest_mailbox_messages", "Messages that wait in the mailbox with the most"), l.Actors.Deepest),
		one(metrics.Counter("kata_agent_log_lines_dropped_total", "Log lines that found no reader"), int(l.LogDropped)),
	}
}

// callMetrics are about requests.
func callMetrics(l *Live) []*metrics.Family {
	pending := metrics.Gauge("kata_agent_pending_calls", "Requests without an answer", "method")
	oldest := metrics.Gauge("kata_agent_pending_call_oldest_seconds", "Age of the oldest request without an answer", "method")
	for _, c := range l.Calls {
		pending.Add(float64(c.Calls), c.Method)
		oldest.Add(c.Oldest, c.Method)
	}
	durations := metrics.Histogram("kata_agent_rpc_duration_seconds", "Time that requests took", l.LatencyBounds, "method")
	for _, h := range l.Latencies {
		durations.AddHistogram(h.Buckets, h.Seconds, h.Method)
	}
	return []*metrics.Family{
		pending, oldest, durations,
		one(metrics.Gauge("kata_agent_connections", "Connections of hosts"), len(l.Connections)),
	}
}

// stepMetrics are about steps. Requests that wait for an actor are one of their kinds.
func (s *Service) stepMetrics(l *Live) []*metrics.Family {
	now := metrics.Gauge("kata_agent_steps", "Steps under way", "step")
	oldest := metrics.Gauge("kata_agent_step_oldest_seconds", "Age of the oldest step under way", "step")
	begun := metrics.Counter("kata_agent_steps_total", "Steps that have begun", "step")
	slow := metrics.Counter("kata_agent_slow_steps_total", "Steps that a warning was given of", "step")
	spawned := metrics.Counter("kata_agent_spawn_requests_total", "Sessions whose start has begun")
	count, age := map[string]int{}, map[string]float64{}
	for _, step := range l.Steps {
		count[step.Kind]++
		age[step.Kind] = max(age[step.Kind], step.Seconds)
	}
	for _, c := range s.agent.StepCounts() {
		name := c.Kind.String()
		now.Add(float64(count[name]), name)
		if count[name] > 0 {
			oldest.Add(age[name], name)
		}
		begun.Add(float64(c.Begun), name)
		slow.Add(float64(c.Slow), name)
		if c.Kind == core.StepSpawn {
			spawned.Add(float64(c.Begun))
		}
	}
	waits := one(metrics.Gauge("kata_agent_hotplug_waits", "Devices that are waited for"), count[core.StepDeviceWait.String()])
	return []*metrics.Family{now, oldest, begun, slow, spawned, waits}
}

// one adds the only sample of a family.
func one(f *metrics.Family, value int) *metrics.Family {
	f.Add(float64(value))
	return f
}
