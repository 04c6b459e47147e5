package io.github.connlimit.tomcat;

import java.util.Collections;
import java.util.Enumeration;
import java.util.Locale;
import org.apache.catalina.connector.Request;

/** Tells requests that ask for a long-lived stream from others. */
final class StreamRequests {

    private static final String EVENT_STREAM = "text/event-stream";

    /** HTTP by another name: what follows is requests again. */
    private static final String HTTP2_CLEAR_TEXT = "h2c";

    private StreamRequests() {}

    /** Whether a request asks to go on in another protocol than HTTP, or for events. */
    static boolean asksForStream(Request request) {
        String upgrade = request.getHeader("Upgrade");
        if (upgrade != null && !upgrade.trim().equalsIgnoreCase(HTTP2_CLEAR_TEXT)) {
            return true;
        }
        // Nearly always one line or none.
        String accept = request.getHeader("Accept");
        if (accept == null) {
            return false;
        }
        if (isEventStream(accept)) {
            return true;
        }
        Enumeration<String> lines = request.getHeaders("Accept");
        return Collections.list(lines).stream().anyMatch(StreamRequests::isEventStream);
    }

    private static boolean isEventStream(String accept) {
        return accept.toLowerCase(Locale.ROOT).contains(EVENT_STREAM);
    }
}
