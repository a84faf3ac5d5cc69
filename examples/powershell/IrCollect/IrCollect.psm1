# ircollect from PowerShell, 5.1 and 7: rows come as objects, failures as errors with the code and the hint of ircollect.
#
# A query goes in by file or standard input, never on the command line: quoting is where wrappers break. ircollect stores first (the case is
# the evidence), then the stored rows are read line by line into the pipeline, so a large result needs no more memory than a small one.
# Which ircollect is run: $env:IRCOLLECT_EXE, else the one on the PATH.

Set-StrictMode -Version 2.0
$Utf8 = New-Object System.Text.UTF8Encoding($false)

function ConvertTo-IrArgument {
    # One word of a Windows command line, by the rules that programs take it apart with: backslashes count only before a quote.
    param([AllowEmptyString()][string] $Word)
    if ($Word -ne '' -and $Word -notmatch '[\s"]') { return $Word }
    $escaped = $Word -replace '(\\*)"', '$1$1\"'
    $escaped = $escaped -replace '(\\+)$', '$1$1'
    return '"' + $escaped + '"'
}

function Get-IrProgram {
    if ($env:IRCOLLECT_EXE) { return $env:IRCOLLECT_EXE }
    $found = Get-Command -Name ircollect -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($null -eq $found) {
        throw (New-IrError -Code 'NotInstalled' -Message 'ircollect is not on the PATH' -Hint 'install it, or set IRCOLLECT_EXE to its path' -Target $null)
    }
    return $found.Path
}

function New-IrError {
    param([string] $Code, [string] $Message, [string] $Hint, $Target)
    $words = if ($Hint) { "$Message ($Code). $Hint" } else { "$Message ($Code)" }
    $exception = New-Object System.InvalidOperationException($words)
    $exception.Data['Code'] = $Code
    $exception.Data['Hint'] = $Hint
    $category = [System.Management.Automation.ErrorCategory]::NotSpecified
    return New-Object System.Management.Automation.ErrorRecord($exception, $Code, $category, $Target)
}

function Invoke-IrProgram {
    # Runs ircollect; returns exit code, standard output and standard error. Words for people go to the verbose stream.
    param([string[]] $Arguments, [string] $InputText)
    $start = New-Object System.Diagnostics.ProcessStartInfo
    $start.FileName = Get-IrProgram
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = $Utf8
    $start.StandardErrorEncoding = $Utf8
    $start.WorkingDirectory = (Get-Location -PSProvider FileSystem).ProviderPath
    if ($start | Get-Member -Name ArgumentList) {
        foreach ($word in $Arguments) { $start.ArgumentList.Add($word) }
    } else {
        $start.Arguments = ($Arguments | ForEach-Object { ConvertTo-IrArgument $_ }) -join ' '
    }
    $process = New-Object System.Diagnostics.Process
    $process.StartInfo = $start
    [void] $process.Start()
    try {
        $output = $process.StandardOutput.ReadToEndAsync()
        $errors = $process.StandardError.ReadToEndAsync()
        if ($InputText) {
            # Bytes, not text: the writer of 5.1 would use the console's code page, and put a mark in front.
            $bytes = $Utf8.GetBytes($InputText)
            $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        }
        $process.StandardInput.Close()
        $process.WaitForExit()
        return [pscustomobject]@{ ExitCode = $process.ExitCode; Output = $output.Result; Errors = $errors.Result }
    } finally {
        # Also where the pipeline is stopped by Ctrl-C or Select-Object -First: what is whole is stored, --resume goes on.
        if (-not $process.HasExited) { $process.Kill() }
        $process.Dispose()
    }
}

function Write-IrWords {
    param([string] $Words)
    foreach ($line in ($Words -split "`r?`n")) {
        if ($line -match '^warning: (.*)$') { Write-Warning $Matches[1] } elseif ($line) { Write-Verbose $line }
    }
}

function ConvertFrom-IrWords {
    # The error of a command that has no summary, from its words.
    param($Run)
    $message = 'ircollect failed with exit code {0}' -f $Run.ExitCode
    $code = 'Exit{0}' -f $Run.ExitCode
    $hint = ''
    foreach ($line in ($Run.Errors -split "`r?`n")) {
        if ($line -match '^error: (.*?)(?: \(([A-Za-z][A-Za-z0-9]*)\))?$') {
            $message = $Matches[1]
            if ($Matches.ContainsKey(2)) { $code = $Matches[2] }
        }
        if (-not $hint -and $line -match '^\s+hint: (.*)$') { $hint = $Matches[1] }
    }
    return New-IrError -Code $code -Message $message -Hint $hint -Target $Run
}

function Get-IrMember {
    param($Object, [string] $Name)
    if ($null -eq $Object) { return $null }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

function Get-IrCommonArgument {
    param([hashtable] $Bound)
    $words = @()
    foreach ($pair in @(@('Config', '--config'), @('Case', '--case'), @('Cloud', '--cloud'), @('MaxWait', '--max-wait'), @('Last', '--last'), @('Api', '--api'), @('Slice', '--slice'))) {
        if ($Bound.ContainsKey($pair[0])) { $words += @($pair[1], [string] $Bound[$pair[0]]) }
    }
    foreach ($pair in @(@('From', '--from'), @('To', '--to'))) {
        if ($Bound.ContainsKey($pair[0])) {
            $words += @($pair[1], ([datetime] $Bound[$pair[0]]).ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", [cultureinfo]::InvariantCulture))
        }
    }
    foreach ($pair in @(@('ProfileName', '--profile'), @('Tenant', '--tenant'))) {
        if ($Bound.ContainsKey($pair[0])) { foreach ($value in $Bound[$pair[0]]) { $words += @($pair[1], [string] $value) } }
    }
    foreach ($pair in @(@('Resume', '--resume'), @('Reconcile', '--reconcile'), @('SinceLast', '--since-last'), @('All', '--all'))) {
        if ($Bound.ContainsKey($pair[0]) -and $Bound[$pair[0]]) { $words += $pair[1] }
    }
    return $words
}

function Read-IrRow {
    # The rows of a stored file, one object a line.
    param([string] $Path, [switch] $Raw)
    $reader = New-Object System.IO.StreamReader($Path, $Utf8)
    try {
        while ($null -ne ($line = $reader.ReadLine())) {
            if ($line -eq '') { continue }
            if ($Raw) { $line; continue }
            # Two columns whose names differ by case alone make no PowerShell object: such a row comes as its text.
            try { $row = $line | ConvertFrom-Json } catch { $row = [pscustomobject]@{ Json = $line } }
            $row
        }
    } finally { $reader.Dispose() }
}

function Write-IrOutcome {
    # Rows of every job that stored some, then the errors. Throws the first error, unless it is only that rows are missing and may be.
    param($Run, [switch] $Raw, [switch] $AsSummary, [switch] $AllowPartial)
    Write-IrWords $Run.Errors
    $summary = $null
    try { $summary = $Run.Output | ConvertFrom-Json } catch { Write-Verbose 'standard output is no summary' }
    if ($null -eq $summary -or $null -eq $summary.PSObject.Properties['jobs']) { throw (ConvertFrom-IrWords $Run) }
    if ($AsSummary) { $summary }
    $failures = @()
    $base = [System.IO.Path]::Combine((Get-Location -PSProvider FileSystem).ProviderPath, $summary.case)
    foreach ($job in $summary.jobs) {
        foreach ($file in $job.files) {
            if (-not $AsSummary -and $file.format -eq 'ndjson') { Read-IrRow -Path ([System.IO.Path]::Combine($base, $file.path)) -Raw:$Raw }
        }
        $problem = Get-IrMember $job 'error'
        if ($null -ne $problem) {
            $failures += New-IrError -Code $problem.code -Message $problem.message -Hint $problem.hint -Target $job
        } elseif ($job.status -ne 'complete') {
            $reasons = ($job.gaps | ForEach-Object { '[{0}, {1}): {2}' -f $_.from, $_.to, $_.reason }) -join '; '
            $failures += New-IrError -Code 'Incomplete' -Message "$($job.name): rows are missing: $reasons" -Hint 'run it again with -Resume' -Target $job
        }
    }
    $problem = Get-IrMember $summary 'error'
    if ($null -ne $problem) { $failures += New-IrError -Code $problem.code -Message $problem.message -Hint $problem.hint -Target $summary }
    if ($failures.Count -eq 0) { return }
    if ($AllowPartial -and $Run.ExitCode -eq 6) { foreach ($failure in $failures) { Write-Warning $failure.Exception.Message }; return }
    for ($index = 1; $index -lt $failures.Count; $index++) { Write-Warning $failures[$index].Exception.Message }
    throw $failures[0]
}

function Invoke-IrHunt {
    <#
    .SYNOPSIS
        Runs advanced-hunting queries (KQL) and returns every row as an object. Nothing is cut at 100,000 rows.
    .DESCRIPTION
        The rows are stored in the case first, byte for byte as the service sent them, then read into the pipeline.
    .PARAMETER Query
        The query as text; it goes through standard input, so nothing in it needs quoting.
    .PARAMETER Path
        Files with one query each.
    .PARAMETER Pack
        Folders or files with queries: .kql, Sentinel rules, Markdown.
    .PARAMETER Parameter
        Values of the parameters that the query declares. An array is a list.
    .PARAMETER AllowPartial
        Missing rows are a warning instead of an error.
    .PARAMETER Raw
        Rows as their JSON text.
    .PARAMETER AsSummary
        The summary instead of the rows.
    .EXAMPLE
        Invoke-IrHunt -Query 'DeviceLogonEvents | where ActionType == "LogonFailed"' -Last 7d | Group-Object AccountName
    .EXAMPLE
        Get-ChildItem hunting\*.kql | Invoke-IrHunt -Last 14d -Parameter @{ hashes = Get-Content iocs.txt } | Export-Csv hits.csv -NoTypeInformation
    #>
    [CmdletBinding(DefaultParameterSetName = 'Query')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Query')][string] $Query,
        [Parameter(Mandatory = $true, ParameterSetName = 'Path', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)][Alias('FullName')][string[]] $Path,
        [Parameter(Mandatory = $true, ParameterSetName = 'Pack')][string[]] $Pack,
        [hashtable] $Parameter = @{},
        [datetime] $From, [datetime] $To, [string] $Last,
        [ValidateSet('auto', 'graph', 'xdr', 'mde')][string] $Api,
        [string] $Slice, [string] $Config, [string] $Case, [string] $Cloud, [string] $MaxWait, [string[]] $ProfileName, [string[]] $Tenant,
        [switch] $Resume, [switch] $Reconcile, [switch] $AllowPartial, [switch] $Raw, [switch] $AsSummary
    )
    begin { $files = @() }
    process { if ($PSCmdlet.ParameterSetName -eq 'Path') { $files += $Path } }
    end {
        $words = @('hunt', '--json', '--no-progress', '--color', 'never') + @(Get-IrCommonArgument $PSBoundParameters)
        $text = ''
        switch ($PSCmdlet.ParameterSetName) {
            'Query' { $words += @('--query', '-'); $text = $Query }
            'Path' { foreach ($file in $files) { $words += @('--query', $file) } }
            'Pack' { foreach ($folder in $Pack) { $words += @('--pack', $folder) } }
        }
        $lists = @()
        try {
            foreach ($name in $Parameter.Keys) {
                $value = $Parameter[$name]
                if ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
                    $list = [System.IO.Path]::GetTempFileName()
                    $lists += $list
                    [System.IO.File]::WriteAllLines($list, [string[]] @($value), $Utf8)
                    $words += @('--param', "$name=@$list")
                } else {
                    $shown = [System.Convert]::ToString($value, [cultureinfo]::InvariantCulture)
                    if ($shown.StartsWith('@')) { $shown = '@' + $shown }
                    $words += @('--param', "$name=$shown")
                }
            }
            $run = Invoke-IrProgram -Arguments $words -InputText $text
        } finally {
            foreach ($list in $lists) { Remove-Item -LiteralPath $list -ErrorAction SilentlyContinue }
        }
        Write-IrOutcome -Run $run -Raw:$Raw -AsSummary:$AsSummary -AllowPartial:$AllowPartial
    }
}

function Invoke-IrPull {
    <#
    .SYNOPSIS
        Pulls named sources (alerts, incidents, sign-ins, mde/machines ...) and returns every object.
    .EXAMPLE
        Invoke-IrPull alerts, incidents -Last 7d | Where-Object severity -eq 'high'
    .EXAMPLE
        Invoke-IrPull sign-ins -SinceLast -Case D:\cases\2026-017 | Out-Null
    #>
    [CmdletBinding(DefaultParameterSetName = 'Source')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Source')][string[]] $Source,
        [Parameter(Mandatory = $true, ParameterSetName = 'All')][switch] $All,
        [Parameter(ParameterSetName = 'Source')][string] $Filter,
        [datetime] $From, [datetime] $To, [string] $Last, [switch] $SinceLast,
        [ValidateSet('auto', 'graph', 'xdr', 'mde')][string] $Api,
        [string] $Config, [string] $Case, [string] $Cloud, [string] $MaxWait, [string[]] $ProfileName, [string[]] $Tenant,
        [switch] $Resume, [switch] $AllowPartial, [switch] $Raw, [switch] $AsSummary
    )
    $words = @('pull', '--json', '--no-progress', '--color', 'never') + @(Get-IrCommonArgument $PSBoundParameters)
    if ($PSBoundParameters.ContainsKey('Filter')) { $words += @('--filter', $Filter) }
    if ($PSCmdlet.ParameterSetName -eq 'Source') { $words += $Source }
    $run = Invoke-IrProgram -Arguments $words -InputText ''
    Write-IrOutcome -Run $run -Raw:$Raw -AsSummary:$AsSummary -AllowPartial:$AllowPartial
}

function Get-IrToken {
    <#
    .SYNOPSIS
        Gets an access token of the application: as a secure string, or as the header of a request.
    .EXAMPLE
        Invoke-RestMethod https://graph.microsoft.com/v1.0/organization -Headers (Get-IrToken -Api graph -AsHeader)
    #>
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)][ValidateSet('graph', 'xdr', 'mde', 'vault', 'arm')][string] $Api = 'graph',
        [string] $Config, [string] $Cloud, [string[]] $ProfileName, [string[]] $Tenant,
        [switch] $AsHeader
    )
    $bound = @{} + $PSBoundParameters
    $bound['Api'] = $Api
    $run = Invoke-IrProgram -Arguments (@('token', '--print', 'token', '--color', 'never') + @(Get-IrCommonArgument $bound)) -InputText ''
    Write-IrWords ($run.Errors -replace '(?m)^(error|\s+hint):.*$', '')
    if ($run.ExitCode -ne 0) { throw (ConvertFrom-IrWords $run) }
    $token = $run.Output.Trim()
    if ($AsHeader) { return @{ Authorization = "Bearer $token" } }
    $secure = New-Object System.Security.SecureString
    foreach ($character in $token.ToCharArray()) { $secure.AppendChar($character) }
    $secure.MakeReadOnly()
    return $secure
}

function Test-IrCollect {
    <#
    .SYNOPSIS
        Says whether a collection would work: one object a check, or with -Quiet true or false.
    .EXAMPLE
        if (-not (Test-IrCollect -Quiet)) { Test-IrCollect | Where-Object status -eq 'failed' }
    #>
    [CmdletBinding()]
    param([string] $Config, [string] $Cloud, [string[]] $ProfileName, [string[]] $Tenant, [switch] $Quiet)
    $run = Invoke-IrProgram -Arguments (@('check', '--json', '--color', 'never') + @(Get-IrCommonArgument $PSBoundParameters)) -InputText ''
    if ($Quiet) { return ($run.ExitCode -eq 0) }
    $report = $null
    try { $report = $run.Output | ConvertFrom-Json } catch { Write-Verbose 'standard output is no report' }
    if ($null -eq $report -or $null -eq $report.PSObject.Properties['checks']) { throw (ConvertFrom-IrWords $run) }
    $report.checks
}

Export-ModuleMember -Function Invoke-IrHunt, Invoke-IrPull, Get-IrToken, Test-IrCollect
