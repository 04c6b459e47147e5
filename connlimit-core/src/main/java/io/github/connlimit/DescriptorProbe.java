package io.github.connlimit;

import java.io.IOException;
import java.nio.channels.SocketChannel;

/** Looks whether the process may open one more descriptor. This class is thread-safe. */
final class DescriptorProbe {

    static {
        // Once, in good time: what the JDK does before its first channel takes descriptors, and is never tried again.
        try {
            isFailing();
        } catch (Throwable hopeless) {
            // It will be reported when it matters.
        }
    }

    private final ErrorLog errors;

    DescriptorProbe(ErrorLog errors) {
        this.errors = errors;
    }

    /** Never throws: whoever asks has connections to end. */
    boolean areDescriptorsShort() {
        try {
            return isFailing();
        } catch (Throwable unknown) {
            // Then it is better to hold nothing.
            errors.report(Failure.PROBING, unknown);
            return true;
        }
    }

    private static boolean isFailing() {
        try (SocketChannel probe = SocketChannel.open()) {
            return !probe.isOpen();
        } catch (IOException none) {
            return true;
        }
    }
}
