/** What tests, the demo and benchmarks need besides connlimit: a Redis on loopback, a certificate. */
package io.github.connlimit.testing;
