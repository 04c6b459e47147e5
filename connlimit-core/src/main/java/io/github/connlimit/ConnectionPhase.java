package io.github.connlimit;

/** What an admitted connection still has to do before its server works for it; each phase has to end in time. */
public enum ConnectionPhase {

    /** To complete its TLS handshake, a PROXY protocol header before it included; begins when it is accepted. */
    HANDSHAKE,

    /** To send the first byte of a request; begins after the handshake or, without one, when it is accepted. */
    FIRST_BYTE
}
