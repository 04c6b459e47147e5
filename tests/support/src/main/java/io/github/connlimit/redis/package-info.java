/** A real Redis or Valkey on loopback, for tests, the demo and benchmarks. */
package io.github.connlimit.redis;
