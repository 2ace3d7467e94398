"""The web service of vtiger, berliCRM and CRM+: operations by name, answered with JSON (docs/webservice.md)."""
