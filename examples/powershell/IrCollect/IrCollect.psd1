@{
    RootModule           = 'IrCollect.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '6b0f5a86-6f35-4b0c-9a4d-0d1c3e9f7b52'
    Author               = 'ircollect contributors'
    Copyright            = 'MIT licence'
    Description          = 'Hunting rows, alerts, incidents and logs of Microsoft security APIs as objects, collected by ircollect as evidence'
    PowerShellVersion    = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FunctionsToExport    = @('Invoke-IrHunt', 'Invoke-IrPull', 'Get-IrToken', 'Test-IrCollect')
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{ PSData = @{ Tags = @('DFIR', 'Defender', 'Entra', 'KQL', 'incident-response') } }
}
