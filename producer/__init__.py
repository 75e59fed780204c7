"""Sample logins for the input topic: `python -m producer --help` says how."""
