/** Targets for Jazzer, which varies its input by what code it has come through. */
package io.github.connlimit.fuzz;
