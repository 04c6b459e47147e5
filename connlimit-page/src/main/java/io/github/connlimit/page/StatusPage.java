package io.github.connlimit.page;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.Ticker;
import java.util.Map;
import java.util.Objects;

/**
 * A page that shows what one limiter does, live: a GET without a query is answered with the page, and the page asks the
 * same address for its figures with the query {@code view=data}. Read-only. This class is thread-safe.
 *
 * <p>Nothing happens while nobody looks. While somebody does, the limiter is asked at most once a second, however many
 * look; 300 samples are kept for the plots, about 40 KB.
 *
 * <p>The page shows addresses of clients, which are personal data, and has no login: put it behind what guards your other
 * pages for operators. It loads nothing from elsewhere, and its Content-Security-Policy allows nothing but its own script
 * and style.
 *
 * @since 0.1.0
 */
public final class StatusPage {

    private static final Map<String, String> ALLOW = Map.of("Allow", "GET, HEAD");

    private final String name;
    private final Document document = new Document();
    private final History history;

    /**
     * Makes a page.
     *
     * @param limiter whose figures to show
     * @param name tells this limiter from others, in the title of the page
     * @throws IllegalArgumentException if the name is blank
     */
    public StatusPage(ConnectionLimiter limiter, String name) {
        this(limiter, name, Objects.requireNonNull(limiter, "limiter").ticker());
    }

    StatusPage(ConnectionLimiter limiter, String name, Ticker ticker) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("name: \"" + name + "\" is not allowed; a text that is not blank");
        }
        this.name = name;
        this.history = new History(limiter, ticker);
    }

    /**
     * Answers one request, with the clients that have most connections.
     *
     * @param method the method of the request; other than GET and HEAD are answered with status 405
     * @param query the query of the request as it came, or {@code null} for none
     * @return the response
     */
    public PageResponse answer(String method, String query) {
        return answer(method, query, true);
    }

    /**
     * Answers one request, without any client's address.
     *
     * @param method the method of the request; other than GET and HEAD are answered with status 405
     * @param query the query of the request as it came, or {@code null} for none
     * @return the response
     */
    public PageResponse answerWithoutClients(String method, String query) {
        return answer(method, query, false);
    }

    private PageResponse answer(String method, String query, boolean clients) {
        if (!method.equals("GET") && !method.equals("HEAD")) {
            return PageResponse.of(405, "text/plain", "method not allowed; GET, HEAD\n", ALLOW);
        }
        PageResponse response = "view=data".equals(query)
                ? PageResponse.of(200, "application/json", Data.of(name, history.look(), clients), Map.of())
                : PageResponse.of(
                        200, "text/html", document.html(), Map.of("Content-Security-Policy", document.policy()));
        return method.equals("HEAD") ? response.withoutBody() : response;
    }
}
