/**
 * Limits the embedded web server of Spring Boot 3.5 and 4. Applications use {@code connlimit-spring-boot-starter}, which
 * brings all of it; there is nothing here to call. The public types are for the adapters of each Spring Boot version.
 */
package io.github.connlimit.springboot;
