"""The replay panel: a recording opened, scrubbed and compared with another. Cores have no Qt."""
