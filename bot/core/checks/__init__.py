"""What the doctor looks at outside of the services: settings, stores, Telegram. Each check returns findings."""
