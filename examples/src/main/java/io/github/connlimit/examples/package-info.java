/** Servers limited by connlimit, to look at, to load and to copy from. Not published. */
package io.github.connlimit.examples;
