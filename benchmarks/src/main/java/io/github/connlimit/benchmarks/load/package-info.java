/** The load generator: one thread, one selector, real connections from many loopback addresses. */
package io.github.connlimit.benchmarks.load;
