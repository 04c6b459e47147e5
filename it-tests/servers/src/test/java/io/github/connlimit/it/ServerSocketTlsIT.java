package io.github.connlimit.it;

class ServerSocketTlsIT extends ConnectionLimitContract<SocketServer> implements TlsContract {

    ServerSocketTlsIT() {
        super(SocketServer::new, Transport.TLS);
    }
}
