package io.github.connlimit;

/**
 * What an admitted connection has to do before it is established. Each phase has a deadline.
 *
 * @since 0.1.0
 */
public enum ConnectionPhase {

    /** To complete its TLS handshake, a PROXY protocol header before it included; begins when it is accepted. */
    HANDSHAKE,

    /** To send the first byte of a request; begins after the handshake or, without one, when it is accepted. */
    FIRST_BYTE
}
