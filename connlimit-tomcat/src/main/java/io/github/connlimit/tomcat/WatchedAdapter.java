package io.github.connlimit.tomcat;

import org.apache.coyote.Adapter;
import org.apache.coyote.Request;
import org.apache.coyote.Response;
import org.apache.tomcat.util.net.SocketEvent;

/**
 * Tomcat's way from a request to the container, with a look at the first one of each HTTP/2 connection: nothing else tells
 * that its header is complete. Others pay nothing while no such connection is awaited. This class is thread-safe.
 */
final class WatchedAdapter implements Adapter {

    private final Adapter adapter;
    private final LimitedConnections<?> connections;

    WatchedAdapter(Adapter adapter, LimitedConnections<?> connections) {
        this.adapter = adapter;
        this.connections = connections;
    }

    @Override
    public void service(Request request, Response response) throws Exception {
        if (connections.awaitsRequests()) {
            note(request);
        }
        adapter.service(request, response);
    }

    private void note(Request request) {
        try {
            ConnectionEnds.of(request).ifPresent(connections::requestCame);
        } catch (RuntimeException error) {
            connections.report("noting a request failed", error);
        }
    }

    @Override
    public boolean prepare(Request request, Response response) throws Exception {
        return adapter.prepare(request, response);
    }

    @Override
    public boolean asyncDispatch(Request request, Response response, SocketEvent event) throws Exception {
        return adapter.asyncDispatch(request, response, event);
    }

    @Override
    public void log(Request request, Response response, long time) {
        adapter.log(request, response, time);
    }

    @Override
    public void checkRecycled(Request request, Response response) {
        adapter.checkRecycled(request, response);
    }

    @Override
    public String getDomain() {
        return adapter.getDomain();
    }
}
