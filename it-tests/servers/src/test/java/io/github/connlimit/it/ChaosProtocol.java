package io.github.connlimit.it;

/** What well-meaning clients speak in a {@link Chaos}. */
enum ChaosProtocol {
    PLAIN(Transport.PLAIN),
    TLS(Transport.TLS),
    HTTP2(Transport.TLS);

    private final Transport transport;

    ChaosProtocol(Transport transport) {
        this.transport = transport;
    }

    Transport transport() {
        return transport;
    }
}
