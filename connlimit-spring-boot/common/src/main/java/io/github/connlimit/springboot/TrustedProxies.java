package io.github.connlimit.springboot;

import java.util.List;

/**
 * The proxies that the properties name. There are none, not even an empty list, if the user has a limiter of their own.
 *
 * @param blocks addresses or blocks
 */
record TrustedProxies(List<String> blocks) {}
