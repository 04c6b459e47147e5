/** The figures of a limiter as Micrometer meters, from Micrometer 1.15. */
package io.github.connlimit.micrometer;
