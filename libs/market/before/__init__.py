"""Events as they were in earlier versions: nobody says them any more, but the log holds them for ever."""
