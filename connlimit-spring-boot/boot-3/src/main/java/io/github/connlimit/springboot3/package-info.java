/** Limits the embedded web servers of Spring Boot 3.5. There is nothing here to call. */
package io.github.connlimit.springboot3;
