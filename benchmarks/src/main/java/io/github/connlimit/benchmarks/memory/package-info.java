/** What the counts of a million connections take in memory, against other ways to count. */
package io.github.connlimit.benchmarks.memory;
