/** Draws the picture of the front page from the table of the attack. */
package io.github.connlimit.benchmarks.chart;
