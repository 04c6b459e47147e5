package io.github.connlimit.page;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Objects;

/**
 * Serves a {@link StatusPage} at each path that it is mapped to, in any container of Servlet 6. It has no login: whoever
 * can ask for its path sees the page. This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class StatusPageServlet extends HttpServlet {

    private static final long serialVersionUID = 1L;

    private final transient StatusPage page;

    /**
     * Makes a servlet.
     *
     * @param page what to serve
     */
    public StatusPageServlet(StatusPage page) {
        this.page = Objects.requireNonNull(page, "page");
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        PageResponse answer = page.answer(request.getMethod(), request.getQueryString());
        response.setStatus(answer.status());
        answer.headers().forEach(response::setHeader);
        response.getOutputStream().write(answer.bytes());
    }
}
