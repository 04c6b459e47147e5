package io.github.connlimit.it;

/** What every limited HTTP server fulfils over TLS. */
interface TlsContainerContract extends ContainerContract, TlsContract {

    @Override
    TestBed<? extends ContainerServer> bed();
}
