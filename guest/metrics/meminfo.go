// SPDX-License-Identifier: Apache-2.0

package metrics

import "strings"

// memItems pairs the name of a label with the kernel's. An item the kernel does not have
// is reported as 0.
var memItems = []struct{ item, name string }{
	{"mem_total", "MemTotal"}, {"mem_free", "MemFree"}, {"mem_available", "MemAvailable"},
	{"buffers", "Buffers"}, {"cached", "Cached"}, {"swap_cached", "SwapCached"},
	{"active", "Active"}, {"inactive", "Inactive"},
	{"active_anon", "Active(anon)"}, {"inactive_anon", "Inactive(anon)"},
	{"active_file", "Active(file)"}, {"inactive_file", "Inactive(file)"},
	{"unevictable", "Unevictable"}, {"mlocked", "Mlocked"},
	{"high_total", "HighTotal"}, {"high_free", "HighFree"},
	{"low_total", "LowTotal"}, {"low_free", "LowFree"}, {"mmap_copy", "MmapCopy"},
	{"swap_total", "SwapTotal"}, {"swap_free", "SwapFree"},
	{"dirty", "Dirty"}, {"writeback", "Writeback"},
	{"anon_pages", "AnonPages"}, {"mapped", "Mapped"}, {"shmem", "Shmem"},
	{"slab", "Slab"}, {"s_reclaimable", "SReclaimable"}, {"s_unreclaim", "SUnreclaim"},
	{"kernel_stack", "KernelStack"}, {"page_tables", "PageTables"}, {"quicklists", "Quicklists"},
	{"nfs_unstable", "NFS_Unstable"}, {"bounce", "Bounce"}, {"writeback_tmp", "WritebackTmp"},
	{"commit_limit", "CommitLimit"}, {"committed_as", "Committed_AS"},
	{"vmalloc_total", "VmallocTotal"}, {"vmalloc_used", "VmallocUsed"}, {"vmalloc_chunk", "VmallocChunk"},
	{"hardware_corrupted", "HardwareCorrupted"},
	{"anon_hugepages", "AnonHugePages"}, {"shmem_hugepages", "ShmemHugePages"},
	{"shmem_pmd_mapped", "ShmemPmdMapped"},
	{"cma_total", "CmaTotal"}, {"cma_free", "CmaFree"},
	{"hugepages_total", "HugePages_Total"}, {"hugepages_free", "HugePages_Free"},
	{"hugepages_rsvd", "HugePages_Rsvd"}, {"hugepages_surp", "HugePages_Surp"},
	{"hugepagesize", "Hugepagesize"},
	{"direct_map_4k", "DirectMap4k"}, {"direct_map_4M", "DirectMap4M"},
	{"direct_map_2M", "DirectMap2M"}, {"direct_map_1G", "DirectMap1G"},
	{"hugetlb", "Hugetlb"}, {"per_cpu", "Percpu"}, {"k_reclaimable", "KReclaimable"},
}

// memInfo reports bytes, but counts for the lines without a unit.
func (c *Collector) memInfo() []family {
	info := keyed(c.read("meminfo"))
	if len(info) == 0 {
		return nil
	}
	f := family{name: "kata_guest_meminfo", help: "Guest memory, sizes in bytes", labels: []string{"item"}}
	for _, m := range memItems {
		value, unit, _ := strings.Cut(info[m.name], " ")
		n := number(value)
		if unit == "kB" {
			n *= 1024
		}
		f.add(n, m.item)
	}
	return []family{f}
}
