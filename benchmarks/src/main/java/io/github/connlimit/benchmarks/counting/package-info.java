/** The count by itself: time and allocation of each operation (JMH), against other ways to count. */
package io.github.connlimit.benchmarks.counting;
