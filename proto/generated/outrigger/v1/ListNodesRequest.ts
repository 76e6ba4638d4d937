// Original file: proto/outrigger/v1/control.proto


export interface ListNodesRequest {
}

export interface ListNodesRequest__Output {
}
