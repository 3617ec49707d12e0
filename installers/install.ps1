<#
.SYNOPSIS
Installs the Muster agent on Windows, silently, and enrols it.

.DESCRIPTION
-From names where the packages of a release lie, with SHA256SUMS and SHA256SUMS.sig beside them. The signature (ECDSA P-256
over SHA256SUMS) is checked with the project's key below, or with -PublicKey, before anything that was fetched is looked at;
then the package's checksum. The token comes from -TokenFile or from the variable ENROLL_TOKEN; without any, the agent is
installed and waits for one.

Run as administrator. Exit codes: 0 done, 1 failed, 2 wrong use, 3 system not supported, 4 download failed, 5 signature or
checksum wrong, 6 the installer failed, 7 the agent does not run, or could not enrol yet.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File install.ps1 -From https://packages.example/muster -TokenFile token
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$From,
    [string]$TokenFile,
    [string]$Collector,
    [string]$Labels,
    [string]$Proxy,
    [string]$Version,
    [string]$PublicKey
)

# Everything is in functions and the last line calls them: a script that was cut off in its transfer does nothing.
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$ReleaseKey = '@PUBLIC_KEY@'

function Fail([int]$Code, [string]$Message) {
    [Console]::Error.WriteLine("muster: $Message")
    exit $Code
}

# The agent takes HOST:PORT as well, and a name and a password in the address; Invoke-WebRequest wants both by themselves.
function Add-Proxy($Words) {
    $address = $Proxy
    if ($address -notmatch '://') { $address = "http://$address" }
    try { $url = New-Object UriBuilder -ArgumentList $address } catch { Fail 2 '-Proxy is no address of a proxy' }
    if ($url.UserName) {
        $secret = New-Object Security.SecureString
        foreach ($letter in [Uri]::UnescapeDataString($url.Password).ToCharArray()) { $secret.AppendChar($letter) }
        $name = [Uri]::UnescapeDataString($url.UserName)
        $Words.ProxyCredential = New-Object Management.Automation.PSCredential -ArgumentList $name, $secret
        $url.UserName = ''
        $url.Password = ''
    }
    $Words.Proxy = $url.Uri
}

function Get-Part([string]$Name, [string]$Into) {
    if ($From -match '^https://') {
        [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
        $words = @{ Uri = "$From/$Name"; OutFile = $Into; UseBasicParsing = $true; MaximumRedirection = 3 }
        if ($Proxy) { Add-Proxy $words }
        try { Invoke-WebRequest @words } catch { Fail 4 "$From/$Name cannot be fetched: $($_.Exception.Message)" }
    } elseif ($From -match '://') {
        Fail 2 "-From ${From}: only https:// and folders are taken"
    } else {
        try { Copy-Item -LiteralPath (Join-Path $From $Name) -Destination $Into } catch { Fail 4 "$From\$Name is not there" }
    }
}

# Windows' own cryptography knows P-256 (and no Ed25519), and wants the two numbers of a signature without DER around them.
function ConvertFrom-Der([byte[]]$Der) {
    if ($Der.Length -lt 8 -or $Der[0] -ne 0x30 -or $Der[1] -gt 0x7f) { Fail 5 'SHA256SUMS.sig is no signature' }
    $flat = New-Object byte[] 64
    $at = 2
    foreach ($half in 0, 32) {
        if ($at + 2 -gt $Der.Length -or $Der[$at] -ne 0x02) { Fail 5 'SHA256SUMS.sig is no signature' }
        $length = $Der[$at + 1]
        $at += 2
        if ($length -lt 1 -or $length -gt 33 -or $at + $length -gt $Der.Length) { Fail 5 'SHA256SUMS.sig is no signature' }
        # A number begins with a zero byte where its first bit is set.
        $skip = [Math]::Max(0, $length - 32)
        [Array]::Copy($Der, $at + $skip, $flat, $half + 32 - ($length - $skip), $length - $skip)
        $at += $length
    }
    , $flat
}

function Test-Signature([string]$List, [string]$Signature) {
    $pem = $ReleaseKey
    if ($PublicKey) { $pem = Get-Content -Raw -LiteralPath $PublicKey }
    if ($pem -notmatch '(?s)-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----') {
        Fail 5 'this script was not made by a release and knows no key: name one with -PublicKey'
    }
    $der = [Convert]::FromBase64String(($Matches[1] -replace '\s', ''))
    # SubjectPublicKeyInfo of a P-256 key: 26 bytes that are always the same, 04, and the two coordinates.
    if ($der.Length -ne 91 -or $der[26] -ne 4) { Fail 5 'the public key is no P-256 key' }
    # As Windows itself takes a key (BCRYPT_ECCKEY_BLOB): the mark "ECS1", 32 bytes a number, the numbers. What would be
    # shorter came with .NET 4.7, which older servers do not have.
    [byte[]]$blob = @(0x45, 0x43, 0x53, 0x31, 32, 0, 0, 0) + $der[27..90]
    $point = [Security.Cryptography.CngKey]::Import($blob, [Security.Cryptography.CngKeyBlobFormat]::EccPublicBlob)
    $key = New-Object Security.Cryptography.ECDsaCng -ArgumentList $point
    $key.HashAlgorithm = [Security.Cryptography.CngAlgorithm]::Sha256
    $flat = ConvertFrom-Der ([IO.File]::ReadAllBytes($Signature))
    if (-not $key.VerifyData([IO.File]::ReadAllBytes($List), $flat)) {
        Fail 5 'the signature of SHA256SUMS is wrong: these are not the packages that were released'
    }
}

function Get-Package([string]$List) {
    $found = @(Get-Content -LiteralPath $List | ForEach-Object {
            if ($_ -match '^([0-9a-f]{64}) [ *](muster-agent-([0-9A-Za-z.+~]+)-x64\.msi)$') {
                if (-not $Version -or $Matches[3] -eq $Version) { @{ Sum = $Matches[1]; Name = $Matches[2]; Version = $Matches[3] } }
            }
        })
    if ($found.Count -eq 0) { Fail 3 "$From has no package for this Windows" }
    if ($found.Count -gt 1) { Fail 2 "$From has several versions; name one with -Version" }
    $found[0]
}

function Get-Token {
    $token = ''
    if ($TokenFile) { $token = (Get-Content -Raw -LiteralPath $TokenFile).Trim() }
    elseif ($env:ENROLL_TOKEN) { $token = $env:ENROLL_TOKEN.Trim() }
    if ($token -and $token -notmatch '^mst1\.[A-Za-z0-9_-]+$') { Fail 2 'the enrolment token is none: it begins with mst1.' }
    $token
}

# Whether Windows Installer has this version already. In the 64-bit view, wherever this PowerShell looks by itself.
function Test-Installed([string]$Version) {
    $machine = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
    $programs = $machine.OpenSubKey('SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall')
    foreach ($name in $programs.GetSubKeyNames()) {
        $program = $programs.OpenSubKey($name)
        if ($program -and $program.GetValue('DisplayName') -eq 'Muster Agent' -and $program.GetValue('DisplayVersion') -eq $Version) {
            return $true
        }
    }
    $false
}

# What msiexec is called with.
function Get-Words([string]$Path, [string]$Token, [bool]$IsThere, [string]$Log) {
    # Of everything but what is written where (r), properties (p) and details (v): the token is a hidden property, and
    # what Windows Installer hides of it in those is its own.
    $words = @('/i', "`"$Path`"", '/qn', '/norestart', '/liweamo', "`"$Log`"")
    # Of a version that is there it would write nothing down, the token neither, and call that success.
    if ($IsThere) { $words += 'REINSTALL=ALL', 'REINSTALLMODE=amus' }
    if ($Token) { $words += "ENROLL_TOKEN=`"$Token`"" }
    if ($Collector) { $words += "COLLECTOR=`"$Collector`"" }
    if ($Labels) { $words += "LABELS=`"$Labels`"" }
    if ($Proxy) { $words += "PROXY=`"$Proxy`"" }
    , $words
}

function Install-Package([string]$Path, [string]$Token, [bool]$IsThere) {
    foreach ($value in $Collector, $Labels, $Proxy) {
        if ($value -match '"') { Fail 2 'quotes are not taken' }
    }
    $log = Join-Path $env:TEMP 'muster-agent-install.log'
    $code = (Start-Process msiexec.exe -ArgumentList (Get-Words $Path $Token $IsThere $log) -Wait -PassThru).ExitCode
    # 3010: done, and a restart would be good.
    if ($code -ne 0 -and $code -ne 3010) { Fail 6 "the installer ended with code $code; $log says why" }
}

# Seconds, and not for ever: a collector that is away is no failure of the installation.
function Wait-Agent([bool]$HasToken) {
    # What the agent writes to its stderr is no error of this script.
    $ErrorActionPreference = 'Continue'
    $told = 'C:\ProgramData\Muster\state\agent.log says why'
    $service = Get-Service MusterAgent -ErrorAction SilentlyContinue
    if (-not $service) { Fail 7 'there is no service MusterAgent' }
    # The installer does not wait for its start.
    try { $service.WaitForStatus('Running', [TimeSpan]::FromSeconds(15)) } catch { Fail 7 "the service MusterAgent does not run: $told" }
    # Also where this PowerShell is a 32-bit one.
    $agent = Join-Path $env:ProgramW6432 'Muster Agent\muster-agent.exe'
    for ($try = 0; $try -lt 15; $try++) {
        $said = (& $agent status 2>&1 | Out-String).Trim()
        if ($LASTEXITCODE -eq 0) {
            Write-Output $said
            return
        }
        Start-Sleep -Seconds 1
    }
    if ($said -match 'not enrolled') {
        if ($HasToken) { Fail 7 "the agent did not enrol; where its token still serves it tries once a minute: $told" }
        Write-Output 'the agent is installed and not enrolled: it waits for a token'
        return
    }
    Fail 7 "the agent does not run: $said"
}

function Install-Muster {
    if (-not [Environment]::Is64BitOperatingSystem) { Fail 3 'there is a package for 64-bit Windows only' }
    $me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { Fail 2 'run this as administrator' }
    $From = $From.TrimEnd('/', '\')
    $work = Join-Path $env:TEMP ([Guid]::NewGuid().ToString())
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        $list = Join-Path $work 'SHA256SUMS'
        Get-Part 'SHA256SUMS' $list
        Get-Part 'SHA256SUMS.sig' "$list.sig"
        Test-Signature $list "$list.sig"
        $package = Get-Package $list
        $path = Join-Path $work $package.Name
        Get-Part $package.Name $path
        if ((Get-FileHash -Algorithm SHA256 -LiteralPath $path).Hash -ne $package.Sum) {
            Fail 5 "$($package.Name) is not what was signed: it was damaged or exchanged"
        }
        $token = Get-Token
        Install-Package $path $token (Test-Installed $package.Version)
        Wait-Agent ([bool]$token)
    } finally {
        Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue
    }
}

Install-Muster
