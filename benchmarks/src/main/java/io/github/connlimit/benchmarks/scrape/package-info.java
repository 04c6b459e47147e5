/** What a scrape of the metrics takes, and what it costs the accept path. */
package io.github.connlimit.benchmarks.scrape;
