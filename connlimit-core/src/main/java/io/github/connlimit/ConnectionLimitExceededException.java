package io.github.connlimit;

import java.io.IOException;

/**
 * Thrown by {@link ConnectionLimiter#acquire} when a client has as many connections as it may have. The message is
 * always the same and tells neither limit nor count nor address, as it may be shown to the client. There is no stack
 * trace, since an attacker decides how often one is thrown.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitExceededException extends IOException {

    private static final long serialVersionUID = 1L;

    ConnectionLimitExceededException() {
        super("client connection limit reached");
    }

    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
