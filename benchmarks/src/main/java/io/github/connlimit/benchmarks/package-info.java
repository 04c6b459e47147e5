/** How fast connlimit is and how much memory it takes, next to the bare machine and to what one would use instead. */
package io.github.connlimit.benchmarks;
