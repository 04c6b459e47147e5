package io.github.connlimit.it.quarkus;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;

/** An application as a user writes it: of connlimit, it knows nothing. */
@Path("/")
public class Application {

    /** Made by Quarkus. */
    public Application() {}

    /** {@return what the test expects} */
    @GET
    public String answer() {
        return "OK";
    }
}
