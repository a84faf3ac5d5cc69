<#
.SYNOPSIS
    Makes a scheduled task that collects every hour, from where the last complete run ended.
.DESCRIPTION
    The task runs as a group-managed service account (or SYSTEM, on a machine with a managed identity): no password is stored. An hour that
    is missed is not lost, since `--since-last` begins where the last complete pull of each source in this case ended.
    Event 1001 of the source ircollect is written where a run is not complete, with the exit code and the words of ircollect.
.EXAMPLE
    .\Register-IrTask.ps1 -Program 'C:\Program Files\ircollect\ircollect.exe' -Config D:\ir\ircollect.toml -Case D:\ir\standing -Account 'CONTOSO\gmsa-ir$'
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)][string] $Program,
    [Parameter(Mandatory = $true)][string] $Config,
    [Parameter(Mandatory = $true)][string] $Case,
    [string] $Account = 'NT AUTHORITY\SYSTEM',
    [string[]] $Source = @('alerts', 'incidents', 'sign-ins', 'directory-audits')
)
$ErrorActionPreference = 'Stop'
if (-not [System.Diagnostics.EventLog]::SourceExists('ircollect')) { New-EventLog -LogName Application -Source ircollect }

$quoted = { param($word) "'" + ($word -replace "'", "''") + "'" }
$script = @"
`$words = & $(& $quoted $Program) pull $($Source -join ' ') --since-last --no-progress --color never --config $(& $quoted $Config) --case $(& $quoted $Case) 2>&1 | Out-String
if (`$LASTEXITCODE -ne 0) { Write-EventLog -LogName Application -Source ircollect -EventId 1001 -EntryType Error -Message "exit code `$LASTEXITCODE``n`$words" }
exit `$LASTEXITCODE
"@
# Encoded, since the task's command line would be taken apart by other rules than a script.
$encoded = [Convert]::ToBase64String([System.Text.Encoding]::Unicode.GetBytes($script))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand $encoded"
$trigger = New-ScheduledTaskTrigger -Once -At (Get-Date).Date -RepetitionInterval (New-TimeSpan -Hours 1)
$settings = New-ScheduledTaskSettingsSet -MultipleInstances IgnoreNew -StartWhenAvailable -ExecutionTimeLimit (New-TimeSpan -Hours 3)
$type = if ($Account -like 'NT AUTHORITY\*') { 'ServiceAccount' } else { 'Password' }
$principal = New-ScheduledTaskPrincipal -UserId $Account -LogonType $type
if ($PSCmdlet.ShouldProcess('ircollect hourly', 'Register-ScheduledTask')) {
    Register-ScheduledTask -TaskName 'ircollect hourly' -Action $action -Trigger $trigger -Settings $settings -Principal $principal -Force
}
