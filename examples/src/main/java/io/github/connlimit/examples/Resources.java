package io.github.connlimit.examples;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.github.connlimit.page.PageResponse;
import io.github.connlimit.page.StatusPage;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What every example server serves over HTTP: {@code /}, {@code /hold}, {@code /limits}, {@code /metrics} and
 * {@code /status}. This class is thread-safe and never waits.
 */
final class Resources {

    static final int MAX_HOLD_MILLIS = 60_000;

    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

    private final Optional<ConnectionLimiter> limiter;
    private final Optional<StatusPage> page;
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    Resources(String name, Optional<ConnectionLimiter> limiter) {
        this.limiter = limiter;
        this.page = limiter.map(some -> new StatusPage(some, name));
        limiter.ifPresent(some -> new ConnectionLimitMetrics(some, name).bindTo(registry));
    }

    /**
     * Answers one request.
     *
     * @param query the query as it came, or {@code null} for none
     * @param local whether the request surely came from this machine, and was passed on by nobody
     */
    Answer answer(String method, String path, String query, boolean local) {
        try {
            return switch (path) {
                case "/" -> method.equals("GET") ? Answer.text(200, "OK") : notAllowed("GET");
                case "/hold" -> method.equals("GET") ? hold(parameters(query)) : notAllowed("GET");
                case "/limits" -> limits(method, query, local);
                case "/metrics" -> method.equals("GET") ? metrics(local) : notAllowed("GET");
                case "/status" -> method.equals("GET") ? status(query, local) : notAllowed("GET");
                default -> Answer.text(404, "not found; there are /, /hold?ms=N, /limits, /metrics and /status");
            };
        } catch (IllegalArgumentException bad) {
            return Answer.text(400, bad.getMessage());
        }
    }

    private static Answer notAllowed(String methods) {
        return Answer.text(405, "method not allowed; " + methods);
    }

    private static Answer hold(Map<String, String> parameters) {
        String text = parameters.getOrDefault("ms", "");
        int millis = text.matches("[0-9]{1,5}") ? Integer.parseInt(text) : -1;
        if (millis < 0 || millis > MAX_HOLD_MILLIS) {
            throw new IllegalArgumentException(
                    "ms: \"" + text + "\" is not allowed; a whole number from 0 to " + MAX_HOLD_MILLIS);
        }
        return Answer.text(200, "OK").after(millis);
    }

    private Answer limits(String method, String query, boolean local) {
        if (limiter.isEmpty()) {
            return off();
        }
        return switch (method) {
            case "GET" -> Answer.json(GSON.toJson(Figures.of(limiter.get())));
            // Who can change the limit can switch it off.
            case "PUT" ->
                local
                        ? change(limiter.get(), parameters(query))
                        : Answer.text(403, "limits are changed from the server's own machine only");
            default -> notAllowed("GET, PUT");
        };
    }

    private static Answer off() {
        return Answer.text(404, "this server was started with --off: nothing is limited or counted");
    }

    private Answer metrics(boolean local) {
        if (limiter.isEmpty()) {
            return off();
        }
        return local
                ? new Answer(200, Answer.type("text/plain;version=0.0.4;charset=utf-8"), registry.scrape(), 0)
                : Answer.text(403, "metrics are for the server's own machine only");
    }

    /** With addresses of clients, which are nobody else's business. */
    private Answer status(String query, boolean local) {
        if (page.isEmpty()) {
            return off();
        }
        if (!local) {
            return Answer.text(403, "the page is for the server's own machine only");
        }
        PageResponse response = page.get().answer("GET", query);
        Map<String, String> headers = new HashMap<>(response.headers());
        headers.remove("Content-Length");
        return new Answer(response.status(), headers, response.body(), 0);
    }

    private static Answer change(ConnectionLimiter limiter, Map<String, String> parameters) {
        String text = parameters.get("max-per-client");
        if (text == null || parameters.size() > 1) {
            throw new IllegalArgumentException("PUT /limits?max-per-client=N changes the limit, and nothing else");
        }
        limiter.reconfigure(
                limits -> limits.toBuilder().set("maxPerClient", text).build());
        return Answer.json(GSON.toJson(Figures.of(limiter)));
    }

    private static Map<String, String> parameters(String query) {
        Map<String, String> parameters = new HashMap<>();
        if (query != null && !query.isEmpty()) {
            for (String pair : query.split("&")) {
                int equals = pair.indexOf('=');
                String name = equals < 0 ? pair : pair.substring(0, equals);
                parameters.put(decoded(name), equals < 0 ? "" : decoded(pair.substring(equals + 1)));
            }
        }
        return parameters;
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    private record Figures(
            int limit,
            String rules,
            boolean dryRun,
            long open,
            long clients,
            long admitted,
            long refused,
            long refusedPending,
            long refusedStreams,
            long timedOut,
            long dryRunRefused,
            long dryRunTimedOut,
            long responded,
            long reset,
            List<Usage> topClients) {

        static Figures of(ConnectionLimiter limiter) {
            LimiterSnapshot now = limiter.snapshot();
            return new Figures(
                    limiter.limits().maxPerClient(),
                    limiter.limits().toSettings().get("rules"),
                    limiter.limits().dryRun(),
                    now.openConnections(),
                    now.clients(),
                    now.admitted(),
                    now.refused(),
                    now.refusedPending(),
                    now.refusedStreams(),
                    now.timedOut(),
                    now.dryRunRefused(),
                    now.dryRunTimedOut(),
                    now.responded(),
                    now.reset(),
                    now.topClients().stream().map(Usage::of).toList());
        }
    }

    private record Usage(String client, int open, int pending, int streams, int limit) {

        static Usage of(ClientUsage usage) {
            return new Usage(
                    usage.client().toString(),
                    usage.openConnections(),
                    usage.pendingConnections(),
                    usage.streams(),
                    usage.limit());
        }
    }
}
