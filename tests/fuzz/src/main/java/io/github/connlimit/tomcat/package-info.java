/** Targets for Jazzer in the package of what they call. */
package io.github.connlimit.tomcat;
