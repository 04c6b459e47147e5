/** Whole servers under load: starts servers and generators, each in its own process, and compares what they did. */
package io.github.connlimit.benchmarks.server;
