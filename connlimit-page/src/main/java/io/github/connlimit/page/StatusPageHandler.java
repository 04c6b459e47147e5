package io.github.connlimit.page;

import java.nio.ByteBuffer;
import java.util.Objects;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Serves a {@link StatusPage} in Jetty 12 for every request that it is given: give it those of one path, by a
 * {@code PathMappingsHandler} or a {@code ContextHandler}. It has no login: whoever can ask for that path sees the page.
 * This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class StatusPageHandler extends Handler.Abstract {

    private final StatusPage page;

    /**
     * Makes a handler.
     *
     * @param page what to serve
     */
    public StatusPageHandler(StatusPage page) {
        this.page = Objects.requireNonNull(page, "page");
    }

    /**
     * Answers the request.
     *
     * @param request the request
     * @param response its response
     * @param callback completed when the response has been written
     * @return true
     */
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        PageResponse answer =
                page.answer(request.getMethod(), request.getHttpURI().getQuery());
        response.setStatus(answer.status());
        answer.headers().forEach((name, value) -> response.getHeaders().put(name, value));
        response.write(true, ByteBuffer.wrap(answer.bytes()), callback);
        return true;
    }
}
